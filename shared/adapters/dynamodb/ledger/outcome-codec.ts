/** Outcomes as one text, which must stay far below the kilobyte that a write unit pays for. */

import { AppError } from '../../../domain/errors.ts';
import { LANES } from '../../../domain/lanes/lane.ts';
import type { RequestOutcome } from '../../../domain/requests/request.ts';
import { TERMINAL_STATUSES } from '../../../domain/requests/request-state.ts';

type OutcomeTuple = readonly [
  status: number,
  statusCode: number,
  errorCode: string | null,
  lane: number,
  provider: string,
  inputTokens: number,
  cachedInputTokens: number,
  cacheWriteTokens: number,
  cacheWrite1hTokens: number,
  outputTokens: number,
  costMicroUsd: number,
  attempts: number,
  firstAttemptAtMs: number | null,
  finishedAtMs: number,
  segment: string,
  offset: number,
  length: number,
];

export function encodeOutcome(outcome: RequestOutcome): string {
  const { usage, result } = outcome;
  const tuple: OutcomeTuple = [
    TERMINAL_STATUSES.indexOf(outcome.status),
    outcome.statusCode,
    outcome.errorCode,
    LANES.indexOf(outcome.lane),
    outcome.provider,
    usage.inputTokens,
    usage.cachedInputTokens,
    usage.cacheWriteTokens,
    usage.cacheWrite1hTokens,
    usage.outputTokens,
    outcome.costMicroUsd,
    outcome.attempts,
    outcome.firstAttemptAtMs,
    outcome.finishedAtMs,
    result.segment,
    result.offset,
    result.length,
  ];
  return JSON.stringify(tuple);
}

/** Only `encodeOutcome` writes the text, so it holds what the domain made. */
export function decodeOutcome(text: string, tenant: string, id: string): RequestOutcome {
  const tuple: OutcomeTuple = JSON.parse(text);
  const [statusNumber, statusCode, errorCode, laneNumber, provider, ...counts] = tuple;
  const [inputTokens, cachedInputTokens, cacheWriteTokens, cacheWrite1hTokens, ...rest] = counts;
  const [outputTokens, costMicroUsd, attempts, firstAttemptAtMs, finishedAtMs, ...pointer] = rest;
  const [segment, offset, length] = pointer;
  const status = TERMINAL_STATUSES[statusNumber];
  const lane = LANES[laneNumber];
  if (status === undefined || lane === undefined) {
    throw new AppError('internal', `The outcome of ${id} was written by a newer Penstock`);
  }
  return {
    id,
    tenant,
    status,
    statusCode,
    errorCode,
    lane,
    provider,
    usage: {
      inputTokens,
      cachedInputTokens,
      cacheWriteTokens,
      cacheWrite1hTokens,
      outputTokens,
    },
    costMicroUsd,
    attempts,
    firstAttemptAtMs,
    finishedAtMs,
    result: { segment, offset, length },
  };
}
