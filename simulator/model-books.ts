import { DIMENSIONS, type Dimension, type ModelLimits, type PerDimension } from './limits.ts';
import type { BilledTokens } from './prices.ts';
import type { BucketUse, LiveStats, RefusalCounts } from './stats.ts';

/** A 429 within so long of the one that set the wait may have been on its way already. */
const ON_THE_WIRE_MS = 50;

type Counts = Record<Dimension, number>;
const zeroCounts = (): Counts => ({
  requests: 0,
  requestsPerDay: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
});

/** The running account of one model. */
export class ModelBooks {
  received = 0;
  admitted = 0;
  billed = 0;
  served = 0;
  abandoned = 0;
  #inFlight = 0;
  #peakInFlight = 0;
  #firstAdmissionAtMs: number | null = null;
  #lastAdmissionAtMs: number | null = null;
  #refusedDuringRetryAfter = 0;
  #refusedDefyingRetryAfter = 0;
  #waitSinceMs = 0;
  #waitUntilMs = 0;
  #costMillionths = 0;
  readonly #refused = { ...zeroCounts(), total: 0, concurrency: 0, tooLarge: 0 };
  readonly #charged = zeroCounts();
  readonly #offered = zeroCounts();
  readonly #tokens = { input: 0, cachedInput: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0 };

  admit(charge: PerDimension, limits: ModelLimits, nowMs: number): void {
    const sinceMs = this.#lastAdmissionAtMs;
    for (const dimension of DIMENSIONS) {
      const bucket = limits.buckets[dimension];
      if (bucket === undefined) continue;
      this.#charged[dimension] += charge[dimension];
      this.#offered[dimension] +=
        sinceMs === null ? bucket.capacity : ((nowMs - sinceMs) * bucket.limit) / bucket.windowMs;
    }
    this.admitted += 1;
    this.#inFlight += 1;
    this.#peakInFlight = Math.max(this.#peakInFlight, this.#inFlight);
    this.#firstAdmissionAtMs ??= nowMs;
    this.#lastAdmissionAtMs = nowMs;
  }

  settle(units: PerDimension): void {
    for (const dimension of DIMENSIONS) this.#charged[dimension] += units[dimension];
  }

  finish(): void {
    this.#inFlight -= 1;
  }

  bill(tokens: BilledTokens, costMillionths: number): void {
    this.billed += 1;
    this.#costMillionths += costMillionths;
    this.#tokens.input += tokens.input;
    this.#tokens.cachedInput += tokens.cachedInput;
    this.#tokens.cacheWrite5m += tokens.cacheWrite5m;
    this.#tokens.cacheWrite1h += tokens.cacheWrite1h;
    this.#tokens.output += tokens.output;
  }

  refuse(reason: keyof RefusalCounts & string, retryAfterMs: number, nowMs: number): void {
    this.#refused[reason] += 1;
    this.#refused.total += 1;
    if (nowMs < this.#waitUntilMs) {
      this.#refusedDuringRetryAfter += 1;
      if (nowMs > this.#waitSinceMs + ON_THE_WIRE_MS) this.#refusedDefyingRetryAfter += 1;
    } else {
      this.#waitSinceMs = nowMs;
    }
    this.#waitUntilMs = Math.max(this.#waitUntilMs, nowMs + retryAfterMs);
  }

  get costMillionths(): number {
    return this.#costMillionths;
  }

  snapshot(limits: ModelLimits): LiveStats['models'][string] {
    const buckets: { [D in Dimension]?: BucketUse } = {};
    for (const dimension of DIMENSIONS) {
      const bucket = limits.buckets[dimension];
      if (bucket === undefined) continue;
      const admitted = this.#charged[dimension];
      const offered = this.#offered[dimension];
      const utilization = offered === 0 ? 0 : admitted / offered;
      const { limit, capacity } = bucket;
      buckets[dimension] = { limit, capacity, admitted, offered, utilization };
    }
    return {
      received: this.received,
      admitted: this.admitted,
      refused: { ...this.#refused },
      refusedDuringRetryAfter: this.#refusedDuringRetryAfter,
      refusedDefyingRetryAfter: this.#refusedDefyingRetryAfter,
      billed: this.billed,
      served: this.served,
      abandoned: this.abandoned,
      inFlight: this.#inFlight,
      peakInFlight: this.#peakInFlight,
      tokens: { ...this.#tokens },
      costMicroUsd: Math.round(this.#costMillionths / 1_000_000),
      firstAdmissionAtMs: this.#firstAdmissionAtMs,
      lastAdmissionAtMs: this.#lastAdmissionAtMs,
      buckets,
    };
  }
}
