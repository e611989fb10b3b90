import { compose, findIds } from './answers.ts';
import { bill } from './billing.ts';
import { Books } from './books.ts';
import type { Answer, Call, Dialect, Usage, View } from './call.ts';
import type { SimulatorClock } from './clock.ts';
import { chooseFault, FAULT_PHASES, type FaultRule, leavesAnswerIntact } from './faults.ts';
import {
  type AdmittedJob,
  drawWorkMs,
  type Identity,
  type Job,
  type ModelRuntime,
  requestKey,
  uniqueId,
} from './job.ts';
import {
  type Admission,
  admit,
  carryLevels,
  fullLevels,
  type PerDimension,
  release,
  spend,
  viewBucket,
} from './limits.ts';
import { ModelBooks } from './model-books.ts';
import type { ModelSettings, Settings } from './options.ts';
import { PromptCache } from './prompt-cache.ts';
import { digest, drawBase, EMPTY_LANES, feed } from './random.ts';
import type { LiveStats } from './stats.ts';

const NO_CHARGE: PerDimension = {
  requests: 0,
  requestsPerDay: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
};

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

  /** Applies changed settings to what is running: levels carry over, and caches unless their own settings changed. */
  configure(settings: Settings, haveFaultsChanged: boolean): void {
    const nowMs = this.#clock.nowMs();
    const before = this.#settings;
    this.#settings = settings;
    if (haveFaultsChanged) this.#faultsSinceMs = nowMs;
    for (const [name, runtime] of this.#models) {
      const next = settings.models?.get(name) ?? settings.anyModel;
      const { limits } = runtime.settings;
      runtime.levels = carryLevels(limits, next.limits, runtime.levels, nowMs);
      runtime.settings = next;
      if (isSameCache(before, settings)) continue;
      runtime.cache = new PromptCache(settings.cache, settings.charsPerToken);
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

  /** The record by which repeats of a request are known, and the base of all draws for its next attempt. */
  identify(call: Call, body: string, headerKey: string | undefined): Identity {
    const bodyDigest = digest(feed(EMPTY_LANES, body)).toString(36);
    const { keyPattern, keySources, seed } = this.#settings;
    const ids = findIds(call, keyPattern);
    const key = requestKey(call, ids, headerKey, keySources) ?? bodyDigest;
    const record = this.#books.recordOf(key);
    const attempt = record.attempts + 1;
    return { ids, record, attempt, base: drawBase(seed, `${bodyDigest}/${key}`, attempt) };
  }

  /** 32 hexadecimal digits that no other answer of this run bears. */
  nextId(): string {
    this.#answers += 1;
    return uniqueId(this.#settings.seed, this.#answers);
  }

  /** Lets the seed decide latency and fault of a request. */
  open(call: Call, dialect: Dialect, body: string, headerKey: string | undefined): Job {
    const nowMs = this.#clock.nowMs();
    const runtime = this.runtime(call.model);
    const { ids, record, attempt, base } = this.identify(call, body, headerKey);
    const fault = chooseFault(this.#settings.faults, {
      base,
      attempt,
      elapsedMs: nowMs - this.#faultsSinceMs,
      model: call.model,
      isFlex: call.tier === 'flex',
    });
    runtime.books.received += 1;
    return {
      call,
      dialect,
      record,
      ids,
      base,
      fault,
      arrivedAtMs: nowMs,
      id: this.nextId(),
      workMs: drawWorkMs(call, runtime.settings, base, fault, this.#settings),
      runtime,
      books: this.#books,
    };
  }

  /** Ends a job that a fault answers before admission. */
  refuseByFault(job: Job, kind: FaultRule['kind']): void {
    job.record.attempts += 1;
    job.books.fault(kind);
  }

  /** Admits a job and takes its charge, or says why not. */
  admit(job: Job): AdmittedJob | Exclude<Admission, { kind: 'admitted' }> {
    const { call, dialect, runtime } = job;
    const nowMs = job.arrivedAtMs;
    const { limits } = runtime.settings;
    const { usage, carried } = runtime.cache.read(call, nowMs);
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
    job.record.attempts += 1;
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
    const composed = compose(call, job.ids, job.base, this.#settings, job.fault?.kind);
    const outputTokens = composed.outputTokens * call.choices;
    const usage: Usage = { ...job.usage, outputTokens };
    const settlement = dialect.settle(call, job.charge, usage);
    if (settlement) {
      runtime.levels = spend(runtime.settings.limits, runtime.levels, settlement, nowMs);
      runtime.books.settle(settlement);
    }
    const factor = call.tier === 'flex' ? this.#settings.flexPriceFactor : 1;
    bill(job, usage, factor, this.#settings.prices);
    return {
      id: job.id,
      createdAtMs: job.arrivedAtMs,
      text: composed.text,
      finish: composed.finish,
      usage,
      snapshot: runtime.settings.snapshot ?? call.model,
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
    job.books.serve(job.record, this.#clock.nowMs() - job.arrivedAtMs);
  }

  /** Charges an invalid request what such requests cost: one request and the bare estimate. */
  chargeInvalid(model: string, estimateTokens: number): View {
    const runtime = this.runtime(model);
    const { limits } = runtime.settings;
    const nowMs = this.#clock.nowMs();
    const units = { ...NO_CHARGE, requests: 1, requestsPerDay: 1, totalTokens: estimateTokens };
    runtime.levels = spend(limits, runtime.levels, units, nowMs);
    return this.currentView(model);
  }

  /** Bucket levels of a model as they are now. */
  currentView(model: string): View {
    const { settings, levels } = this.runtime(model);
    const nowMs = this.#clock.nowMs();
    return (dimension) => viewBucket(settings.limits, levels, dimension, nowMs);
  }

  stats(): LiveStats {
    const models: Record<string, LiveStats['models'][string]> = {};
    let costMillionths = 0;
    for (const [name, { books, settings }] of this.#models) {
      models[name] = books.snapshot(settings.limits);
      costMillionths += books.costMillionths;
    }
    return this.#books.snapshot(models, costMillionths, this.#clock.nowMs());
  }

  /** The model as it runs; opened when it is first named. */
  runtime(name: string): ModelRuntime {
    const known = this.#models.get(name);
    if (known) return known;
    const settings = this.modelSettings(name) ?? this.#settings.anyModel;
    const { charsPerToken, cache } = this.#settings;
    const runtime: ModelRuntime = {
      settings,
      levels: fullLevels(settings.limits, this.#clock.nowMs()),
      cache: new PromptCache(cache, charsPerToken),
      books: new ModelBooks(),
    };
    this.#models.set(name, runtime);
    return runtime;
  }

  #leave({ runtime, books }: AdmittedJob): void {
    runtime.levels = release(runtime.levels);
    runtime.books.finish();
    books.finish();
  }
}

function isSameCache(one: Settings, other: Settings): boolean {
  return (
    one.charsPerToken === other.charsPerToken &&
    one.cache.enabled === other.cache.enabled &&
    one.cache.minTokens === other.cache.minTokens &&
    one.cache.ttlMs === other.cache.ttlMs
  );
}
