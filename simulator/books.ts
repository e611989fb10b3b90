import type { FaultKind } from './faults.ts';
import { Histogram } from './histogram.ts';
import type { LiveStats, ModelStats } from './stats.ts';

/** What is known of one request, over all its attempts. */
export interface RequestRecord {
  /** Attempts that no limit refused: refusals depend on timing, attempts must not. */
  attempts: number;
  isBilled: boolean;
  isServed: boolean;
  /** Batches that hold it and have not ended. */
  queued: number;
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

  /** The record of a request, opened when it is first seen. */
  recordOf(key: string): RequestRecord {
    const known = this.#requests.get(key);
    if (known) return known;
    const record = { attempts: 0, isBilled: false, isServed: false, queued: 0 };
    this.#requests.set(key, record);
    return record;
  }

  bill(record: RequestRecord): void {
    if (record.isBilled) this.#duplicates += 1;
    if (record.isServed) this.#avoidableDuplicates += 1;
    record.isBilled = true;
  }

  serve(record: RequestRecord, serviceMs: number): void {
    record.isServed = true;
    this.serviceTime.record(serviceMs);
  }

  snapshot(models: LiveStats['models'], costMillionths: number, nowMs: number): LiveStats {
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
