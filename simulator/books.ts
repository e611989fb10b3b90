import type { FaultKind } from './faults.ts';
import { type DurationSummary, Histogram } from './histogram.ts';
import { DIMENSIONS, type Dimension, type ModelLimits, type PerDimension } from './limits.ts';
import type { BilledTokens } from './prices.ts';

/** A 429 within so long of the one that set the wait may have been on its way already. */
const ON_THE_WIRE_MS = 50;

export interface RefusalCounts extends PerDimension {
  readonly total: number;
  readonly concurrency: number;
  /** The charge exceeds the bucket; counted apart from the dimension. */
  readonly tooLarge: number;
}

export interface BucketUse {
  readonly limit: number;
  readonly capacity: number;
  /** Units charged, settlements included. */
  readonly admitted: number;
  /** Capacity at the first admission plus refill until the last one, overflow included. */
  readonly offered: number;
  readonly utilization: number;
}

/** What happened on one model, or on all of them. */
export interface ModelStats {
  /** Requests that named the model and were valid. */
  readonly received: number;
  readonly admitted: number;
  readonly refused: RefusalCounts;
  /** 429s sent while a retry-after of the same model was in force. */
  readonly refusedDuringRetryAfter: number;
  /** The same, less those that came within 50 ms and may have been on the wire already. */
  readonly refusedDefyingRetryAfter: number;
  /** Work done, whether or not the answer arrived; each is billed once. */
  readonly billed: number;
  /** Good answers handed whole to a client that was still there. */
  readonly served: number;
  /** Answers whose client had gone. */
  readonly abandoned: number;
  readonly inFlight: number;
  readonly peakInFlight: number;
  readonly tokens: BilledTokens;
  readonly costMicroUsd: number;
  readonly firstAdmissionAtMs: number | null;
  readonly lastAdmissionAtMs: number | null;
}

export interface Stats extends ModelStats {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Every request on a route that runs a model, valid or not. */
  readonly received: number;
  /** Error answers to invalid requests, by status. */
  readonly invalid: Readonly<Record<string, number>>;
  readonly faults: { readonly [K in FaultKind]?: number };
  readonly distinctRequests: number;
  /** Times a request was billed again. */
  readonly duplicates: number;
  /** Times a request was billed again though a good answer had been handed over. */
  readonly avoidableDuplicates: number;
  /** Billed work on models without a price; it is missing from the cost. */
  readonly unpriced: number;
  /** From the arrival of served requests to their answers, on the server. */
  readonly serviceTimeMs: DurationSummary;
  readonly models: Readonly<
    Record<string, ModelStats & { readonly buckets: { readonly [D in Dimension]?: BucketUse } }>
  >;
}

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

  snapshot(limits: ModelLimits): Stats['models'][string] {
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

interface RequestRecord {
  attempts: number;
  isBilled: boolean;
  isServed: boolean;
}

/** The account of the whole provider: what no single model can know. */
export class Books {
  readonly startedAtMs: number;
  readonly serviceTime = new Histogram();
  received = 0;
  unpriced = 0;
  #inFlight = 0;
  #peakInFlight = 0;
  #duplicates = 0;
  #avoidableDuplicates = 0;
  readonly #invalid: Record<string, number> = {};
  readonly #faults: { [K in FaultKind]?: number } = {};
  readonly #requests = new Map<string, RequestRecord>();

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs;
  }

  invalid(status: number): void {
    this.#invalid[status] = (this.#invalid[status] ?? 0) + 1;
  }

  fault(kind: FaultKind): void {
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
  }

  admit(): void {
    this.#inFlight += 1;
    this.#peakInFlight = Math.max(this.#peakInFlight, this.#inFlight);
  }

  finish(): void {
    this.#inFlight -= 1;
  }

  /** The number of the attempt that is to be made now. */
  nextAttempt(key: string): number {
    return (this.#requests.get(key)?.attempts ?? 0) + 1;
  }

  /** Counts an attempt that a limit did not refuse: refusals depend on timing, attempts must not. */
  attempt(key: string): void {
    const known = this.#requests.get(key);
    if (known) known.attempts += 1;
    else this.#requests.set(key, { attempts: 1, isBilled: false, isServed: false });
  }

  bill(key: string): void {
    const record = this.#requests.get(key);
    if (record === undefined) return;
    if (record.isBilled) this.#duplicates += 1;
    if (record.isServed) this.#avoidableDuplicates += 1;
    record.isBilled = true;
  }

  serve(key: string, serviceMs: number): void {
    const record = this.#requests.get(key);
    if (record) record.isServed = true;
    this.serviceTime.record(serviceMs);
  }

  snapshot(models: Stats['models'], costMillionths: number, nowMs: number): Stats {
    const all = Object.values(models);
    const sum = (read: (model: ModelStats) => number): number =>
      all.reduce((total, model) => total + read(model), 0);
    const instants = (read: (model: ModelStats) => number | null): number[] =>
      all.map(read).filter((instant) => instant !== null);
    const firsts = instants((model) => model.firstAdmissionAtMs);
    const lasts = instants((model) => model.lastAdmissionAtMs);
    return {
      startedAtMs: this.startedAtMs,
      nowMs,
      received: this.received,
      admitted: sum((model) => model.admitted),
      invalid: { ...this.#invalid },
      refused: {
        total: sum((model) => model.refused.total),
        requests: sum((model) => model.refused.requests),
        requestsPerDay: sum((model) => model.refused.requestsPerDay),
        inputTokens: sum((model) => model.refused.inputTokens),
        outputTokens: sum((model) => model.refused.outputTokens),
        totalTokens: sum((model) => model.refused.totalTokens),
        concurrency: sum((model) => model.refused.concurrency),
        tooLarge: sum((model) => model.refused.tooLarge),
      },
      refusedDuringRetryAfter: sum((model) => model.refusedDuringRetryAfter),
      refusedDefyingRetryAfter: sum((model) => model.refusedDefyingRetryAfter),
      faults: { ...this.#faults },
      billed: sum((model) => model.billed),
      served: sum((model) => model.served),
      abandoned: sum((model) => model.abandoned),
      inFlight: this.#inFlight,
      peakInFlight: this.#peakInFlight,
      distinctRequests: this.#requests.size,
      duplicates: this.#duplicates,
      avoidableDuplicates: this.#avoidableDuplicates,
      tokens: {
        input: sum((model) => model.tokens.input),
        cachedInput: sum((model) => model.tokens.cachedInput),
        cacheWrite5m: sum((model) => model.tokens.cacheWrite5m),
        cacheWrite1h: sum((model) => model.tokens.cacheWrite1h),
        output: sum((model) => model.tokens.output),
      },
      costMicroUsd: Math.round(costMillionths / 1_000_000),
      unpriced: this.unpriced,
      serviceTimeMs: this.serviceTime.summary(),
      firstAdmissionAtMs: firsts.length === 0 ? null : Math.min(...firsts),
      lastAdmissionAtMs: lasts.length === 0 ? null : Math.max(...lasts),
      models,
    };
  }
}
