import type { Goal } from './goals.ts';
import type { Measurement } from './measurement.ts';
import type { Scratch } from './processes/scratch.ts';

export interface BenchOptions {
  /** Less work, to see that everything runs; the goals are stated for the whole bench. */
  readonly isQuick: boolean;
  readonly seed: number;
  /** Runs only what has this in its name. */
  readonly match: string;
}

export interface BenchContext extends BenchOptions {
  readonly scratch: Scratch;
  /** Tells the person who waits what is going on. */
  say(text: string): void;
}

/** Approaches measured at the same workload. */
export interface Comparison {
  readonly title: string;
  /** Provider and workload, so that the figures can be judged. */
  readonly setting: string;
  readonly rows: readonly Measurement[];
  /** Which figures matter here. */
  readonly columns: readonly ColumnName[];
}

export type ColumnName =
  | 'requests'
  | 'wall'
  | 'rate'
  | 'utilization'
  | 'refused'
  | 'fromSubmission'
  | 'fromFirstAttempt'
  | 'providerP95'
  | 'cpu'
  | 'memory'
  | 'lost'
  | 'repeated'
  | 'cost';

/** Figures that are no measurement of an approach. */
export interface FigureTable {
  readonly title: string;
  readonly setting: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface ScenarioReport {
  readonly name: ScenarioName;
  readonly comparisons: readonly Comparison[];
  readonly tables?: readonly FigureTable[];
  readonly goals: readonly Goal[];
  /** What else was measured, for the stored file. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export const SCENARIO_NAMES = [
  'limits',
  'overhead',
  'memory',
  'native-rows',
  'crash',
  'aws',
  'deadlines',
  'head-table',
] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export type Scenario = (context: BenchContext) => Promise<ScenarioReport>;
