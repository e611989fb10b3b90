/** One approach at one workload, in figures: what the provider's books say, and what came out. */

import { type AnswerCheck, checkAnswers, type Percentiles } from './answers.ts';
import type { FinishedProcess } from './processes/measured-process.ts';
import type { LimitName, SimulatorBooks } from './processes/simulator-process.ts';

export interface Measurement {
  readonly approach: string;
  readonly requests: number;
  /** From the start of the process to its end. */
  readonly wallSeconds: number;
  /** Good answers per second between the first call and the end of the process. */
  readonly answersPerSecond: number;
  /** The fullest limit, and how much of it was used until the last admission; `null` without limits. */
  readonly binding: { readonly limit: LimitName; readonly utilization: number } | null;
  readonly sent: number;
  readonly refused: number;
  readonly refusedShare: number;
  readonly fromSubmissionMs: Percentiles;
  readonly fromFirstAttemptMs: Percentiles;
  /** How long the provider itself took, by its own clock. */
  readonly providerMs: Percentiles;
  readonly cpuSecondsPer1000: number | null;
  readonly peakRssMib: number | null;
  readonly answered: number;
  readonly lost: number;
  /** Lines that answer a request again. */
  readonly repeatedLines: number;
  /** Answers under another request's id. */
  readonly misplaced: number;
  /** Calls billed again, and those of them whose first answer had been handed over. */
  readonly repeatedCalls: number;
  readonly avoidableCalls: number;
  readonly peakInFlight: number;
  readonly costUsd: number;
}

const MIB = 1_048_576;
const MICRO = 1_000_000;

/** Puts the figures of one finished run together. */
export async function measure({
  approach,
  requests,
  outputPath,
  finished,
  books,
}: {
  readonly approach: string;
  readonly requests: number;
  readonly outputPath: string;
  readonly finished: FinishedProcess;
  readonly books: SimulatorBooks;
}): Promise<Measurement> {
  const { startedAtMs, wallMs, usage } = finished;
  const answers: AnswerCheck = await checkAnswers(outputPath, { requests, startedAtMs });
  const activeMs = startedAtMs + wallMs - answers.firstAttemptAtMs;
  return {
    approach,
    requests,
    wallSeconds: wallMs / 1_000,
    answersPerSecond: answers.answered === 0 ? 0 : answers.answered / (activeMs / 1_000),
    binding: bindingLimit(books),
    sent: books.received,
    refused: books.refused.total,
    refusedShare: books.received === 0 ? 0 : books.refused.total / books.received,
    fromSubmissionMs: answers.fromSubmissionMs,
    fromFirstAttemptMs: answers.fromFirstAttemptMs,
    providerMs: books.serviceTimeMs,
    cpuSecondsPer1000: usage && usage.cpuMs / requests,
    peakRssMib: usage && usage.peakRssBytes / MIB,
    answered: answers.answered,
    lost: answers.lost,
    repeatedLines: answers.repeatedLines,
    misplaced: answers.misplaced,
    repeatedCalls: books.duplicates,
    avoidableCalls: books.avoidableDuplicates,
    peakInFlight: books.peakInFlight,
    costUsd: books.costMicroUsd / MICRO,
  };
}

/** The limit used most, over all models. */
export function bindingLimit({ models }: SimulatorBooks): Measurement['binding'] {
  let binding: Measurement['binding'] = null;
  for (const { buckets } of Object.values(models)) {
    for (const limit of LIMIT_NAMES) {
      const utilization = buckets[limit]?.utilization;
      if (utilization === undefined || utilization <= (binding?.utilization ?? -1)) continue;
      binding = { limit, utilization };
    }
  }
  return binding;
}

const LIMIT_NAMES: readonly LimitName[] = [
  'requests',
  'requestsPerDay',
  'inputTokens',
  'outputTokens',
  'totalTokens',
];
