/** Runs one approach at a file against a fresh provider, and measures it. */

import type { Lane } from '../shared/domain/lanes/lane.ts';
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

export interface PenstockUse {
  /** @default 'Penstock' */
  readonly approach?: string;
  readonly isShown?: boolean;
  /** Lanes the model offers. @default live alone */
  readonly lanes?: readonly Lane[];
  /** How long answers are wanted for. */
  readonly window?: string;
}

export async function runPenstock(
  setting: Setting,
  limits: DeclaredLimits,
  { approach = 'Penstock', isShown = false, lanes = ['live'], window }: PenstockUse = {},
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
      lanes,
      ...(window === undefined ? {} : { window }),
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

/** The native batch by the official SDK; see baselines/sdk-batch.ts. */
export async function runSdkBatch(setting: Setting, approach: string): Promise<Measurement> {
  const { scratch, inputPath, requests } = setting;
  const simulator = await startSimulatorProcess(scratch, setting.provider);
  try {
    const outputPath = scratch.path('batch.jsonl');
    const args = [inputPath, outputPath, simulator.url];
    const client = startMeasured(scratch, 'bench/baselines/sdk-batch.ts', args);
    const finished = await expectExit(client, approach, [0]);
    const books = await simulator.books();
    return await measure({ approach, requests, outputPath, finished, books });
  } finally {
    await simulator.stop();
  }
}
