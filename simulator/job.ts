import { LATENCY_STREAM, type NamedId } from './answers.ts';
import type { Books, RequestRecord } from './books.ts';
import type { Call, Dialect, View } from './call.ts';
import type { FaultRule } from './faults.ts';
import type { Levels, PerDimension } from './limits.ts';
import type { ModelBooks } from './model-books.ts';
import { drawLatency } from './option-parts.ts';
import type { ModelSettings, Settings } from './options.ts';
import type { PromptCache, PromptUsage } from './prompt-cache.ts';

/** One model as it runs: its buckets, its cache, its account. */
export interface ModelRuntime {
  settings: ModelSettings;
  levels: Levels;
  cache: PromptCache;
  readonly books: ModelBooks;
}

/** Who a request is, whichever way it comes. */
export interface Identity {
  readonly ids: readonly NamedId[];
  readonly record: RequestRecord;
  /** The number of the next attempt. */
  readonly attempt: number;
  readonly base: number;
}

/** One attempt at a request, with everything about it that the seed decides. */
export interface Job {
  readonly call: Call;
  readonly dialect: Dialect;
  readonly record: RequestRecord;
  /** The ids its prompt names. */
  readonly ids: readonly NamedId[];
  readonly base: number;
  readonly fault: FaultRule | undefined;
  readonly arrivedAtMs: number;
  readonly id: string;
  /** How long the model works on it, hangs included. */
  readonly workMs: number;
  readonly runtime: ModelRuntime;
  /** The books it was opened in: a reset in the meantime must not see it end. */
  readonly books: Books;
}

/** A job that passed admission and holds a concurrency slot until `finish`. */
export interface AdmittedJob extends Job {
  readonly charge: PerDimension;
  readonly usage: PromptUsage;
  readonly view: View;
}

/** How long a hang lasts unless the rule says otherwise. Unit: ms. */
export const DEFAULT_HANG_MS = 30_000;

/** The name by which repeats of a request are known, or undefined when it bears none. */
export function requestKey(
  call: Call,
  ids: readonly NamedId[],
  headerKey: string | undefined,
  keySources: Settings['keySources'],
): string | undefined {
  const read = {
    header: () => headerKey,
    metadata: () => call.metadataKey,
    user: () => call.userKey,
    // A prompt that packs several items is a request of its own, not a repeat of its first item.
    prompt: () => ids.map(({ id }) => id).join(','),
  };
  for (const source of keySources) {
    const key = read[source]();
    if (key !== undefined && key !== '') return key;
  }
  return undefined;
}

/** How long the seed lets the model work on this attempt, hangs included. */
export function drawWorkMs(
  call: Call,
  { latency }: ModelSettings,
  base: number,
  fault: FaultRule | undefined,
  { flexLatencyFactor }: Settings,
): number {
  const modelMs = drawLatency(latency, base, LATENCY_STREAM);
  const factor = call.tier === 'flex' ? flexLatencyFactor : 1;
  const hangMs = fault?.kind === 'hang' ? (fault.durationMs ?? DEFAULT_HANG_MS) : 0;
  return modelMs * factor + hangMs;
}

/** 32 hexadecimal digits, different for every answer of one run. */
export function uniqueId(seed: number, count: number): string {
  return (seed >>> 0).toString(16).padStart(16, '0') + count.toString(16).padStart(16, '0');
}
