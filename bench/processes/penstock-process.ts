import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import type { WorkloadDialect } from '../workload.ts';
import { type MeasuredProcess, startMeasured } from './measured-process.ts';
import type { Scratch } from './scratch.ts';

/** Limits as a user writes them into penstock.yaml. */
export interface DeclaredLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
  readonly concurrency?: number;
}

export interface PenstockRun {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly providerUrl: string;
  readonly dialect: WorkloadDialect;
  readonly model: string;
  readonly limits: DeclaredLimits;
  /** Lanes the model offers. @default live alone */
  readonly lanes?: readonly Lane[];
  /** How long answers are wanted for, e.g. 24h. */
  readonly window?: string;
  /** Whether it has the terminal for itself: bar, summary and all. */
  readonly isShown?: boolean;
}

/** Starts `penstock run` as a user would, with a configuration of its own. */
export function startPenstockRun(scratch: Scratch, run: PenstockRun): MeasuredProcess {
  const configPath = writeConfig(scratch, run);
  const args = ['run', run.inputPath, '-o', run.outputPath, '--config', configPath];
  if (run.window !== undefined) args.push('--window', run.window);
  if (!run.isShown) args.push('--json');
  return startMeasured(scratch, 'bin/penstock.js', args, { isShown: run.isShown === true });
}

/** Writes a penstock.yaml for one model of the simulated provider. */
export function writeConfig(
  scratch: Scratch,
  {
    providerUrl,
    dialect,
    model,
    limits,
    lanes = ['live'],
  }: Pick<PenstockRun, 'providerUrl' | 'dialect' | 'model' | 'limits' | 'lanes'>,
): string {
  const path = scratch.path('penstock.yaml');
  const config = {
    providers: { simulated: { dialect, baseUrl: `${providerUrl}/v1`, apiKey: 'simulated' } },
    models: { [model]: { provider: 'simulated', limits, lanes } },
  };
  writeFileSync(path, stringify(config));
  return path;
}
