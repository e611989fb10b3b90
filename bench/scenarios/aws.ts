/**
 * The AWS home where it can be measured without AWS: many workers on one limit, what a request
 * costs in writes, messages and objects, and how long the API itself takes.
 */

import { emulatorEnvironment, startEmulator } from '../../scripts/emulator/start-emulator.ts';
import { measureLimitSharing } from '../aws/limit-sharing.ts';
import type { BenchContext, ScenarioReport } from '../scenario.ts';

export async function aws(context: BenchContext): Promise<ScenarioReport> {
  context.say('Starting the emulator of AWS');
  const emulator = await startEmulator();
  Object.assign(process.env, emulatorEnvironment(emulator.url));
  try {
    const sharing = await measureLimitSharing(context);
    return { name: 'aws', comparisons: [sharing.comparison], goals: sharing.goals };
  } finally {
    await emulator.close();
  }
}
