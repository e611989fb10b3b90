import { hash } from 'node:crypto';
import { compose, findIds, LATENCY_STREAM } from './answers.ts';
import { Books, ModelBooks, type Stats } from './books.ts';
import type { Answer, Call, Dialect, Usage, View } from './call.ts';
import type { SimulatorClock } from './clock.ts';
import { chooseFault, FAULT_PHASES, type FaultRule, leavesAnswerIntact } from './faults.ts';
import {
  type Admission,
  admit,
  carryLevels,
  fullLevels,
  type Levels,
  type PerDimension,
  release,
  spend,
  viewBucket,
} from './limits.ts';
import type { ModelSettings, Settings } from './options.ts';
import { costOf, findPrice } from './prices.ts';
import { type Mark, PromptCache } from './prompt-cache.ts';
import { drawBase, lognormal, uniform } from './random.ts';

/** One model as it runs: its buckets, its cache, its account. */
interface ModelRuntime {
  settings: ModelSettings;
  levels: Levels;
  cache: PromptCache;
  readonly books: ModelBooks;
}

/** One attempt at a request, with everything about it that the seed decides. */
export interface Job {
  readonly call: Call;
  readonly dialect: Dialect;
  readonly key: string;
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

type PromptUsage = Omit<Usage, 'outputTokens'>;

const NO_CHARGE: PerDimension = {
  requests: 0,
  requestsPerDay: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
};

/** How long a hang lasts unless the rule says otherwise. Unit: ms. */
const DEFAULT_HANG_MS = 30_000;

/** The provider behind the wire: admission, work and books, with time from the given clock. */
export class Provider {
  readonly #clock: SimulatorClock;
  #settings: Settings;
  #books: Books;
  #faultsSinceMs: number;
  #answers = 0;
  readonly #models = new Map<string, ModelRuntime>();

  constructor(settings: Settings, clock: SimulatorClock) {
    this.#clock = clock;
    this.#settings = settings;
    this.#books = new Books(clock.nowMs());
    this.#faultsSinceMs = clock.nowMs();
  }

  get settings(): Settings {
    return this.#settings;
  }

  get books(): Books {
    return this.#books;
  }

  /** Applies changed settings to what is running: levels and caches carry over. */
  configure(settings: Settings, haveFaultsChanged: boolean): void {
    const nowMs = this.#clock.nowMs();
    this.#settings = settings;
    if (haveFaultsChanged) this.#faultsSinceMs = nowMs;
    for (const [name, runtime] of this.#models) {
      const next = settings.models?.get(name) ?? settings.anyModel;
      const { limits } = runtime.settings;
      runtime.levels = carryLevels(limits, next.limits, runtime.levels, nowMs);
      runtime.settings = next;
    }
  }

  /** Starts anew: full buckets, cold caches, empty books. Work in flight is no longer counted. */
  reset(): void {
    this.#models.clear();
    this.#books = new Books(this.#clock.nowMs());
    this.#faultsSinceMs = this.#clock.nowMs();
  }

  modelSettings(name: string): ModelSettings | undefined {
    const { models, anyModel } = this.#settings;
    return models === undefined ? anyModel : models.get(name);
  }

  /** Identifies the request and lets the seed decide its latency and its fault. */
  open(call: Call, dialect: Dialect, body: string, headerKey: string | undefined): Job {
    const nowMs = this.#clock.nowMs();
    const runtime = this.#runtime(call.model);
    const bodyHash = hash('sha1', body, 'base64url');
    const key = this.#requestKey(call, headerKey) ?? bodyHash;
    const attempt = this.#books.nextAttempt(key);
    const base = drawBase(this.#settings.seed, `${bodyHash}/${key}`, attempt);
    const fault = chooseFault(this.#settings.faults, {
      base,
      attempt,
      elapsedMs: nowMs - this.#faultsSinceMs,
      model: call.model,
      isFlex: call.tier === 'flex',
    });
    this.#answers += 1;
    runtime.books.received += 1;
    return {
      call,
      dialect,
      key,
      base,
      fault,
      arrivedAtMs: nowMs,
      id: uniqueId(this.#settings.seed, this.#answers),
      workMs: this.#workMs(call, runtime.settings, base, fault),
      runtime,
      books: this.#books,
    };
  }

  /** Ends a job that a fault answers before admission. */
  refuseByFault(job: Job, kind: FaultRule['kind']): void {
    job.books.attempt(job.key);
    job.books.fault(kind);
  }

  admit(job: Job): AdmittedJob | Exclude<Admission, { kind: 'admitted' }> {
    const { call, dialect, runtime } = job;
    const nowMs = job.arrivedAtMs;
    const { limits } = runtime.settings;
    const { usage, carried } = this.#readCache(job);
    const charge = dialect.charge(call, runtime.settings, usage.cachedTokens);
    const admission = admit(limits, runtime.levels, charge, nowMs);
    runtime.levels = admission.levels;
    if (admission.kind !== 'admitted') {
      const isTooLarge = admission.kind === 'too_large';
      const waitMs = isTooLarge ? 0 : admission.retryAfterMs;
      runtime.books.refuse(isTooLarge ? 'tooLarge' : admission.reason, waitMs, nowMs);
      return admission;
    }
    runtime.books.admit(charge, limits, nowMs);
    job.books.admit();
    job.books.attempt(job.key);
    if (job.fault !== undefined) job.books.fault(job.fault.kind);
    if (job.fault === undefined || FAULT_PHASES[job.fault.kind] !== 'fail') {
      runtime.cache.carry(carried, nowMs, nowMs + Math.ceil(job.workMs / 2));
    }
    const view: View = (dimension) => viewBucket(limits, admission.levels, dimension, nowMs);
    return { ...job, charge, usage, view };
  }

  /** Frees the slot of a job that failed: nothing is settled or billed. */
  fail(job: AdmittedJob): void {
    this.#leave(job);
  }

  /** Does the work of an admitted job: frees its slot, settles its charge, bills it. */
  finish(job: AdmittedJob): Answer {
    const { call, runtime, dialect } = job;
    const nowMs = this.#clock.nowMs();
    this.#leave(job);
    const composed = compose(call, job.base, this.#settings, job.fault?.kind);
    const outputTokens = composed.outputTokens * call.choices;
    const usage: Usage = { ...job.usage, outputTokens };
    const settlement = dialect.settle(call, job.charge, usage);
    if (settlement) {
      runtime.levels = spend(runtime.settings.limits, runtime.levels, settlement, nowMs);
      runtime.books.settle(settlement);
    }
    this.#bill(job, usage);
    return {
      id: job.id,
      createdAtMs: job.arrivedAtMs,
      text: composed.text,
      finish: composed.finish,
      usage,
      snapshot: runtime.settings.snapshot ?? call.model,
      base: job.base,
    };
  }

  /** Notes how the answer of a finished job went out. */
  delivered(job: AdmittedJob, outcome: 'handed over' | 'client gone'): void {
    const { books } = job.runtime;
    if (outcome === 'client gone') {
      books.abandoned += 1;
      return;
    }
    if (job.fault !== undefined && !leavesAnswerIntact(job.fault.kind)) return;
    books.served += 1;
    job.books.serve(job.key, this.#clock.nowMs() - job.arrivedAtMs);
  }

  /** Charges an invalid request what such requests cost: one request and the bare estimate. */
  chargeInvalid(model: string, estimateTokens: number): View {
    const runtime = this.#runtime(model);
    const { limits } = runtime.settings;
    const nowMs = this.#clock.nowMs();
    const units = { ...NO_CHARGE, requests: 1, requestsPerDay: 1, totalTokens: estimateTokens };
    runtime.levels = spend(limits, runtime.levels, units, nowMs);
    return this.currentView(model);
  }

  /** Bucket levels of a model as they are now. */
  currentView(model: string): View {
    const { settings, levels } = this.#runtime(model);
    const nowMs = this.#clock.nowMs();
    return (dimension) => viewBucket(settings.limits, levels, dimension, nowMs);
  }

  stats(): Stats {
    const models: Record<string, Stats['models'][string]> = {};
    let costMillionths = 0;
    for (const [name, { books, settings }] of this.#models) {
      models[name] = books.snapshot(settings.limits);
      costMillionths += books.costMillionths;
    }
    return this.#books.snapshot(models, costMillionths, this.#clock.nowMs());
  }

  #runtime(name: string): ModelRuntime {
    const known = this.#models.get(name);
    if (known) return known;
    const settings = this.modelSettings(name) ?? this.#settings.anyModel;
    const { charsPerToken, cache } = this.#settings;
    const runtime: ModelRuntime = {
      settings,
      levels: fullLevels(settings.limits, this.#clock.nowMs()),
      cache: new PromptCache(charsPerToken, cache.minTokens, cache.ttlMs),
      books: new ModelBooks(),
    };
    this.#models.set(name, runtime);
    return runtime;
  }

  #requestKey(call: Call, headerKey: string | undefined): string | undefined {
    for (const source of this.#settings.keySources) {
      const key =
        source === 'header'
          ? headerKey
          : source === 'metadata'
            ? call.metadataKey
            : source === 'user'
              ? call.userKey
              : this.#promptKey(call);
      if (key !== undefined && key !== '') return key;
    }
    return undefined;
  }

  /** A prompt that packs several items is a request of its own, not a repeat of its first item. */
  #promptKey(call: Call): string | undefined {
    const ids = findIds(call, this.#settings.keyPattern);
    return ids.length === 0 ? undefined : ids.map(({ id }) => id).join(',');
  }

  #workMs(
    call: Call,
    { latency }: ModelSettings,
    base: number,
    fault: FaultRule | undefined,
  ): number {
    const modelMs =
      'p50Ms' in latency
        ? lognormal(base, LATENCY_STREAM, latency.p50Ms, latency.p95Ms)
        : latency.minMs + uniform(base, LATENCY_STREAM) * (latency.maxMs - latency.minMs);
    const factor = call.tier === 'flex' ? this.#settings.flexLatencyFactor : 1;
    const hangMs = fault?.kind === 'hang' ? (fault.durationMs ?? DEFAULT_HANG_MS) : 0;
    return modelMs * factor + hangMs;
  }

  #readCache(job: Job): { usage: PromptUsage; carried: readonly Mark[] } {
    const { call, runtime, arrivedAtMs } = job;
    const { promptTokens, caching, segments } = call;
    const { cache } = this.#settings;
    const cold = { promptTokens, cachedTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 };
    if (!cache.enabled || caching === 'none' || promptTokens < cache.minTokens) {
      return { usage: cold, carried: [] };
    }
    if (caching === 'automatic') {
      const marks = runtime.cache.automaticMarks(segments);
      const cachedTokens = Math.min(promptTokens, runtime.cache.warmTokens(marks, arrivedAtMs));
      return { usage: { ...cold, cachedTokens }, carried: marks };
    }
    const { reads, writes } = runtime.cache.breakpointMarks(segments);
    const cachedTokens = runtime.cache.warmTokens(reads, arrivedAtMs);
    const written = writes.filter((mark) => mark.tokens > cachedTokens);
    let from = cachedTokens;
    const usage = { ...cold, cachedTokens };
    for (const mark of written) {
      if (mark.ttlMs > 300_000) usage.cacheWrite1hTokens += mark.tokens - from;
      else usage.cacheWrite5mTokens += mark.tokens - from;
      from = mark.tokens;
    }
    const reread = reads.filter((mark) => mark.tokens === cachedTokens);
    return { usage, carried: [...reread, ...written] };
  }

  #leave({ runtime, books }: AdmittedJob): void {
    runtime.levels = release(runtime.levels);
    runtime.books.finish();
    books.finish();
  }

  #bill({ call, key, runtime, books }: AdmittedJob, usage: Usage): void {
    const { cachedTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage;
    const tokens = {
      input: usage.promptTokens - cachedTokens - cacheWrite5mTokens - cacheWrite1hTokens,
      cachedInput: cachedTokens,
      cacheWrite5m: cacheWrite5mTokens,
      cacheWrite1h: cacheWrite1hTokens,
      output: usage.outputTokens,
    };
    const price = findPrice(this.#settings.prices, call.model);
    const factor = call.tier === 'flex' ? this.#settings.flexPriceFactor : 1;
    if (price === undefined) books.unpriced += 1;
    runtime.books.bill(tokens, price === undefined ? 0 : costOf(price, tokens) * factor);
    books.bill(key);
  }
}

/** 32 hexadecimal digits, different for every answer of one run. */
function uniqueId(seed: number, count: number): string {
  const high = drawBase(seed, 'id', count).toString(16).padStart(8, '0');
  const low = drawBase(seed, 'id-low', count).toString(16).padStart(8, '0');
  return high + low + count.toString(16).padStart(16, '0');
}
