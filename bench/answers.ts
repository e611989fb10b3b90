import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/** An output line of Penstock, as far as the bench reads it. */
const penstockLine = z
  .object({
    custom_id: z.string(),
    response: z.object({ status_code: z.number() }).nullable(),
    x_penstock: z.object({
      first_attempt_at_ms: z.number().nullable(),
      finished_at_ms: z.number(),
    }),
  })
  .transform(({ custom_id, response, x_penstock }) => ({
    customId: custom_id,
    isAnswered: response?.status_code === 200,
    firstAttemptAtMs: x_penstock.first_attempt_at_ms ?? x_penstock.finished_at_ms,
    finishedAtMs: x_penstock.finished_at_ms,
  }));

/** What a baseline writes of each request. */
export const baselineLine = z.object({
  customId: z.string(),
  isAnswered: z.boolean(),
  firstAttemptAtMs: z.number(),
  finishedAtMs: z.number(),
  content: z.string(),
});

export type BaselineLine = z.output<typeof baselineLine>;

const anyLine = z.union([penstockLine, baselineLine]);

/** What a file of answers holds, judged against the requests it should answer. */
export interface AnswerCheck {
  /** Requests with a good answer. */
  readonly answered: number;
  /** Requests without one, whether or not they have a line. */
  readonly lost: number;
  /** Lines that answer a request a second time. */
  readonly repeatedLines: number;
  /** Good answers that do not bear the mark of their request. */
  readonly misplaced: number;
  /** From the first call that left to the last answer. */
  readonly activeMs: number;
  /** From the start of the run to the answer. */
  readonly fromSubmissionMs: Percentiles;
  /** From the first call for a request to its answer: waiting in the queue is left out. */
  readonly fromFirstAttemptMs: Percentiles;
  readonly firstAttemptAtMs: number;
  readonly lastAnswerAtMs: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Reads a file of answers. Latencies are those of good answers only. */
export async function checkAnswers(
  path: string,
  { requests, startedAtMs }: { readonly requests: number; readonly startedAtMs: number },
): Promise<AnswerCheck> {
  const seen = new Set<string>();
  const answered = new Set<string>();
  const fromSubmission: number[] = [];
  const fromFirstAttempt: number[] = [];
  let repeatedLines = 0;
  let misplaced = 0;
  let firstAttemptAtMs = Number.POSITIVE_INFINITY;
  let lastAnswerAtMs = startedAtMs;
  for await (const text of createInterface(createReadStream(path))) {
    const line = anyLine.parse(JSON.parse(text));
    if (seen.has(line.customId)) repeatedLines += 1;
    seen.add(line.customId);
    firstAttemptAtMs = Math.min(firstAttemptAtMs, line.firstAttemptAtMs);
    if (!line.isAnswered) continue;
    answered.add(line.customId);
    if (!text.includes(`[id:${line.customId}]`)) misplaced += 1;
    lastAnswerAtMs = Math.max(lastAnswerAtMs, line.finishedAtMs);
    fromSubmission.push(line.finishedAtMs - startedAtMs);
    fromFirstAttempt.push(line.finishedAtMs - line.firstAttemptAtMs);
  }
  return {
    answered: answered.size,
    lost: requests - answered.size,
    repeatedLines,
    misplaced,
    activeMs: answered.size === 0 ? 0 : lastAnswerAtMs - firstAttemptAtMs,
    fromSubmissionMs: percentiles(fromSubmission),
    fromFirstAttemptMs: percentiles(fromFirstAttempt),
    firstAttemptAtMs,
    lastAnswerAtMs,
  };
}

/** Exact percentiles: the smallest value that at least the given share does not exceed. */
export function percentiles(values: readonly number[]): Percentiles {
  const ordered = Float64Array.from(values).sort();
  const at = (share: number): number =>
    ordered[Math.max(0, Math.ceil(share * ordered.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
