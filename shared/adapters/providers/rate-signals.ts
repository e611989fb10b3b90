/**
 * What the headers of an answer tell about rate limits, in the engine's words.
 *
 * Runs once per call. Values that make no sense are left out: a wrong limit believed is worse than
 * one not learnt.
 */

import type {
  Dimension,
  RateSignals,
  WindowSignal,
} from '../../domain/capacity/provider-outcome.ts';
import { headerOf, type WireHeaders } from './wire-headers.ts';

/** Nobody is believed who asks for a longer wait. Unit: ms. */
const LONGEST_WAIT_MS = 3_600_000;
const LARGEST_LIMIT = 1e12;
/** A bucket that is counted by the minute is full within one; the rest is rounding. Unit: ms. */
const FULL_MINUTE_MS = 61_000;
/**
 * Time to refill one unit, as a multiple of what a limit per minute takes: 1, or 1440 when the
 * limit is per day. The threshold lies halfway, by ratio.
 */
const DAILY_SLOPE = 38;
/** Clocks that agree this well need no correction, and ours is finer than a Date header. Unit: ms. */
const CLOCK_TOLERANCE_MS = 2_000;

interface WindowNames {
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

const openAiNames = (kind: string): WindowNames => ({
  limit: `x-ratelimit-limit-${kind}`,
  remaining: `x-ratelimit-remaining-${kind}`,
  reset: `x-ratelimit-reset-${kind}`,
});

const anthropicNames = (kind: string): WindowNames => ({
  limit: `anthropic-ratelimit-${kind}-limit`,
  remaining: `anthropic-ratelimit-${kind}-remaining`,
  reset: `anthropic-ratelimit-${kind}-reset`,
});

/** `anthropic-ratelimit-tokens-*` is not read: documented as the tighter of two limits, seen as their sum. */
const WINDOWS: readonly (readonly [Dimension, WindowNames])[] = [
  ['requests', openAiNames('requests')],
  ['totalTokens', openAiNames('tokens')],
  ['requests', anthropicNames('requests')],
  ['inputTokens', anthropicNames('input-tokens')],
  ['outputTokens', anthropicNames('output-tokens')],
];
const PROJECT_TOKENS = openAiNames('project-tokens');

/** Reads limits from any answer, and the wait asked for from one that is not a success. */
export function readRateSignals(
  headers: WireHeaders,
  statusCode: number,
  nowMs: number,
): RateSignals {
  const windows: Partial<Record<Dimension, WindowSignal>> = {};
  for (const [dimension, names] of WINDOWS) {
    const signal = readWindow(headers, names, nowMs);
    if (signal !== null) windows[dimension] = signal;
  }
  const project = readWindow(headers, PROJECT_TOKENS, nowMs);
  const shared = windows.totalTokens;
  if (project !== null && (shared === undefined || isTighter(project, shared))) {
    windows.totalTokens = project;
  }
  const retryAfterMs = statusCode < 400 ? undefined : readRetryAfterMs(headers, nowMs);
  return retryAfterMs === undefined ? { windows } : { windows, retryAfterMs };
}

/** The wait that `retry-after-ms` or `retry-after` asks for, when it is one. Unit: ms. */
export function readRetryAfterMs(headers: WireHeaders, nowMs: number): number | undefined {
  const ms = asNumber(headerOf(headers, 'retry-after-ms'));
  if (ms !== undefined && ms > 0) return Math.min(Math.ceil(ms), LONGEST_WAIT_MS);
  const text = headerOf(headers, 'retry-after');
  if (text === undefined) return undefined;
  const seconds = asNumber(text);
  const wait =
    seconds === undefined
      ? Date.parse(text) - serverTimeMs(headers, nowMs)
      : Math.ceil(seconds * 1_000);
  return wait > 0 ? Math.min(wait, LONGEST_WAIT_MS) : undefined;
}

function readWindow(headers: WireHeaders, names: WindowNames, nowMs: number): WindowSignal | null {
  const limitText = headerOf(headers, names.limit);
  const remainingText = headerOf(headers, names.remaining);
  if (limitText === undefined && remainingText === undefined) return null;
  const limit = asNumber(limitText);
  // Azure fills headers it has no figures for with 0 and -1.
  if (limitText !== undefined && !(limit !== undefined && limit > 0 && limit <= LARGEST_LIMIT)) {
    return null;
  }
  const remaining = asNumber(remainingText);
  const resetText = headerOf(headers, names.reset);
  const reset =
    resetText === undefined
      ? undefined
      : parseResetMs(resetText, () => serverTimeMs(headers, nowMs));
  if (isDaily(limit, remaining, reset, resetText)) {
    // The limits are understood as per minute; of a longer window only "nothing left" can be told.
    return remaining === 0 ? { remaining } : null;
  }
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
    ...(reset === undefined ? {} : { resetMs: Math.min(reset, LONGEST_WAIT_MS) }),
  };
}

function isDaily(
  limit: number | undefined,
  remaining: number | undefined,
  resetMs: number | undefined,
  resetText: string | undefined,
): boolean {
  if (resetMs === undefined) return false;
  if (resetMs > FULL_MINUTE_MS) return true;
  if (limit === undefined || remaining === undefined || remaining >= limit) return false;
  // Whole seconds are too coarse for a slope: one request of 6000 already reads as 1 s.
  if (resetText?.endsWith('s') !== true) return false;
  return (resetMs * limit) / ((limit - remaining) * 60_000) > DAILY_SLOPE;
}

function isTighter(one: WindowSignal, other: WindowSignal): boolean {
  if (one.limit !== undefined && other.limit !== undefined) return one.limit < other.limit;
  return (one.remaining ?? Infinity) < (other.remaining ?? Infinity);
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|[smhd]))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|us|µs|ns|[smhd])/g;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 0.000_001,
  us: 0.001,
  µs: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** As seconds, an instant of this century; as a duration, three decades. */
const EARLIEST_EPOCH_SECONDS = 1e9;
const EARLIEST_EPOCH_MS = 1e12;

/**
 * A span as providers write it: Go durations (`6m0s`), bare seconds, or the instant it ends, as
 * RFC 3339 or epoch seconds. `undefined` when it is none of them. Unit: ms.
 */
function parseResetMs(text: string, serverTime: () => number): number | undefined {
  const number = asNumber(text);
  if (number !== undefined) {
    if (number < EARLIEST_EPOCH_SECONDS) return number * 1_000;
    const atMs = number < EARLIEST_EPOCH_MS ? number * 1_000 : number;
    return Math.max(0, atMs - serverTime());
  }
  const duration = parseDurationMs(text);
  if (duration !== undefined) return duration;
  if (!text.includes('T')) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - serverTime());
}

/** A Go duration such as `1m4.296s`. Unit: ms. */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > 40 || !DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(DURATION_PART)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(total * 1_000) / 1_000;
}

/** A plain number that is not negative. */
function asNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 20 || !/^\d+(?:\.\d+)?$/.test(text)) return undefined;
  return Number(text);
}

/** Now, by the clock the instants in the headers were written by. */
function serverTimeMs(headers: WireHeaders, nowMs: number): number {
  const serverMs = readDateMs(headers);
  if (serverMs === null || Math.abs(serverMs - nowMs) < CLOCK_TOLERANCE_MS) return nowMs;
  return serverMs;
}

/** The Date header as an instant; `null` when it is missing or not a date. */
export function readDateMs(headers: WireHeaders): number | null {
  const text = headerOf(headers, 'date');
  const atMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(atMs) ? null : atMs;
}
