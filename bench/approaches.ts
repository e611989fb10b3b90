/** Runs one approach at a file against a fresh provider, and measures it. */

import type { SimulatorOptions } from '../simulator/server.ts';
import { type Measurement, measure } from './measurement.ts';
import { expectExit, startMeasured } from './processes/measured-process.ts';
import { type DeclaredLimits, startPenstockRun } from './processes/penstock-process.ts';
import type { Scratch } from './processes/scratch.ts';
import { startSimulatorProcess } from './processes/simulator-process.ts';
import type { WorkloadDialect } from './workload.ts';

/** What all approaches of a comparison share. */
export interface Setting {
  readonly scratch: Scratch;
  readonly inputPath: string;
  readonly requests: number;
  readonly dialect: WorkloadDialect;
  readonly model: string;
  readonly provider: SimulatorOptions;
}

/** Every row answered, or some with an error row: both are a finished run. */
const FINISHED_CODES = [0, 1];

export async function runPenstock(
  setting: Setting,
  limits: DeclaredLimits,
  { approach = 'Penstock', isShown = false }: { approach?: string; isShown?: boolean } = {},
): Promise<Measurement> {
  const { scratch, inputPath, requests, dialect, model } = setting;
  const simulator = await startSimulatorProcess(scratch, setting.provider);
  try {
    const outputPath = scratch.path('answers.jsonl');
    const providerUrl = simulator.url;
    const run = startPenstockRun(scratch, {
      inputPath,
      outputPath,
      providerUrl,
      dialect,
      model,
      limits,
      isShown,
    });
    const finished = await expectExit(run, approach, FINISHED_CODES);
    const books = await simulator.books();
    return await measure({ approach, requests, outputPath, finished, books });
  } finally {
    await simulator.stop();
  }
}

export interface SdkUse {
  readonly approach: string;
  readonly inFlight: number | 'all';
  readonly retries: number | 'default';
}

/** The official OpenAI SDK at the same file; see baselines/sdk-client.ts. */
export async function runSdk(setting: Setting, use: SdkUse): Promise<Measurement> {
  const { scratch, inputPath, requests } = setting;
  const simulator = await startSimulatorProcess(scratch, setting.provider);
  try {
    const outputPath = scratch.path('baseline.jsonl');
    const args = [inputPath, outputPath, simulator.url, String(use.inFlight), String(use.retries)];
    const client = startMeasured(scratch, 'bench/baselines/sdk-client.ts', args);
    const finished = await expectExit(client, use.approach, [0]);
    const books = await simulator.books();
    return await measure({ approach: use.approach, requests, outputPath, finished, books });
  } finally {
    await simulator.stop();
  }
}
