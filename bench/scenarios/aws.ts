/**
 * The AWS home where it can be measured without AWS: what a request takes and costs, many workers
 * on one limit, how long the API itself takes, and what a cold start loads. `--match` picks one.
 */

import { emulatorEnvironment, startEmulator } from '../../scripts/emulator/start-emulator.ts';
import { measureBundles } from '../aws/bundles.ts';
import { measureConsumption } from '../aws/consumption.ts';
import { measureLimitSharing } from '../aws/limit-sharing.ts';
import { measureSubmission } from '../aws/submission.ts';
import type { Goal } from '../goals.ts';
import type { BenchContext, Comparison, FigureTable, ScenarioReport } from '../scenario.ts';

export async function aws(context: BenchContext): Promise<ScenarioReport> {
  const comparisons: Comparison[] = [];
  const tables: FigureTable[] = [];
  const goals: Goal[] = [];
  const facts: Record<string, unknown> = {};
  const isWanted = (part: string): boolean => part.includes(context.match);
  if (isWanted('consumption')) {
    const consumption = await measureConsumption(context);
    tables.push(...consumption.tables);
    goals.push(...consumption.goals);
    facts['counted'] = consumption.counted;
  }
  if (isWanted('sharing') || isWanted('submission')) {
    context.say('Starting the emulator of AWS');
    const emulator = await startEmulator();
    Object.assign(process.env, emulatorEnvironment(emulator.url));
    try {
      if (isWanted('sharing')) {
        const sharing = await measureLimitSharing(context);
        comparisons.push(sharing.comparison);
        goals.push(...sharing.goals);
      }
      if (isWanted('submission')) {
        const submission = await measureSubmission(context);
        tables.push(submission.table);
        goals.push(...submission.goals);
      }
    } finally {
      await emulator.close();
    }
  }
  if (isWanted('bundles')) {
    const bundles = measureBundles();
    tables.push(bundles.table);
    goals.push(...bundles.goals);
  }
  return { name: 'aws', comparisons, tables, goals, facts };
}
