/**
 * A provider in virtual time: the simulator's limits, lognormal latency, and the engine's own
 * port, so that minutes of dispatching are tested in a second.
 */

import type {
  ProviderFailure,
  ProviderOutcome,
  RateSignals,
} from '../../shared/domain/capacity/provider-outcome.ts';
import type { CompletionProvider, ProviderCall } from '../../shared/ports/completion-provider.ts';
import {
  admit,
  compileLimits,
  DIMENSIONS,
  type Dimension,
  fullLevels,
  type Levels,
  type LimitSettings,
  type ModelLimits,
  type PerDimension,
  release,
  spend,
  viewBucket,
} from '../../simulator/limits.ts';
import type { FakeClock } from './fake-clock.ts';

export interface VirtualProviderOptions {
  readonly limits: LimitSettings;
  readonly clock: FakeClock;
  /** What the provider charges for each token the caller estimated. */
  readonly charge?: number;
  readonly hasHeaders?: boolean;
  /** Limits its headers tell of; all unless given. */
  readonly shownLimits?: readonly Dimension[];
  /** Refusals do not name the limit. */
  readonly isTerse?: boolean;
  /** When the levels in the headers were read. */
  readonly headersAt?: 'admission' | 'answer';
  /** Output is charged when produced, and unused prompt charge is not given back. */
  readonly chargesOutputLater?: boolean;
  readonly latencyP50Ms?: number;
  readonly latencyP95Ms?: number;
  /** Answers the call instead, when it returns something. */
  readonly fault?: (call: ProviderCall, callNumber: number) => ProviderOutcome | null;
}

export interface VirtualBooks {
  sent: number;
  refused: number;
  served: number;
  /** Calls that arrived while a retry-after was in force, sent after it was known. */
  duringRetryAfter: number;
  firstAtMs: number;
  lastAdmittedAtMs: number;
  taken: PerDimension;
  peakInFlight: number;
  readonly latenciesMs: number[];
  readonly servedIds: Map<string, number>;
}

/** Bodies carry what they cost: `{ model, input, output, max }`. */
export function createVirtualProvider(options: VirtualProviderOptions): {
  provider: CompletionProvider;
  books: VirtualBooks;
  utilization(dimension: Dimension): number;
} {
  const { clock } = options;
  const limits: ModelLimits = compileLimits(options.limits);
  let levels: Levels = fullLevels(limits, clock.nowMs());
  let seed = 12_345;
  const random = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const books: VirtualBooks = {
    sent: 0,
    refused: 0,
    served: 0,
    duringRetryAfter: 0,
    firstAtMs: clock.nowMs(),
    lastAdmittedAtMs: clock.nowMs(),
    taken: { requests: 0, requestsPerDay: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 },
    peakInFlight: 0,
    latenciesMs: [],
    servedIds: new Map(),
  };
  let toldToWaitUntilMs = 0;

  const signals = (retryAfterMs?: number): RateSignals => {
    const windows: Record<string, { limit: number; remaining: number; resetMs: number }> = {};
    if (options.hasHeaders !== false) {
      for (const dimension of options.shownLimits ?? DIMENSIONS) {
        const view = viewBucket(limits, levels, dimension, clock.nowMs());
        if (view !== undefined) windows[dimension] = view;
      }
    }
    return { windows, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  };

  const latency = (): number => {
    const p50 = options.latencyP50Ms ?? 800;
    const p95 = options.latencyP95Ms ?? 1_770;
    const sigma = Math.log(p95 / p50) / 1.645;
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return p50 * Math.exp(sigma * normal);
  };

  const call = async (request: ProviderCall, abort: AbortSignal): Promise<ProviderOutcome> => {
    books.sent += 1;
    const fault = options.fault?.(request, books.sent) ?? null;
    if (fault !== null) {
      await clock.sleep(20, abort);
      return fault;
    }
    const cost = request.body as { input: number; output: number; max: number };
    const charge = options.charge ?? 1;
    const later = options.chargesOutputLater === true;
    const wanted: PerDimension = {
      requests: 1,
      requestsPerDay: 1,
      inputTokens: Math.round(cost.input * charge),
      outputTokens: later ? 0 : cost.max,
      totalTokens: Math.round((cost.input + cost.max) * charge),
    };
    const startedAtMs = clock.nowMs();
    if (startedAtMs < toldToWaitUntilMs) books.duringRetryAfter += 1;
    const admission = admit(limits, levels, wanted, startedAtMs);
    levels = admission.levels;
    if (admission.kind !== 'admitted') {
      books.refused += 1;
      const retryAfterMs = admission.kind === 'refused' ? admission.retryAfterMs : 0;
      const told = signals(retryAfterMs);
      await clock.sleep(5, abort);
      toldToWaitUntilMs = Math.max(toldToWaitUntilMs, startedAtMs + 5 + retryAfterMs);
      return {
        ...failure('provider_throttled', 429),
        signals: told,
        throttledBy: options.isTerse === true ? null : reasonOf(admission.reason),
      };
    }
    books.lastAdmittedAtMs = startedAtMs;
    for (const dimension of DIMENSIONS) {
      books.taken = { ...books.taken, [dimension]: books.taken[dimension] + wanted[dimension] };
    }
    books.peakInFlight = Math.max(books.peakInFlight, levels.inFlight);
    const told = signals();
    const latencyMs = latency();
    books.latenciesMs.push(latencyMs);
    await clock.sleep(latencyMs, abort);
    levels = release(levels);
    if (later) {
      const produced: PerDimension = {
        requests: 0,
        requestsPerDay: 0,
        inputTokens: 0,
        outputTokens: cost.output,
        totalTokens: 0,
      };
      levels = spend(limits, levels, produced, clock.nowMs());
      books.taken = {
        ...books.taken,
        outputTokens: books.taken.outputTokens + cost.output,
      };
    }
    books.served += 1;
    books.servedIds.set(request.requestId, (books.servedIds.get(request.requestId) ?? 0) + 1);
    return {
      kind: 'answered',
      statusCode: 200,
      requestId: `upstream-${books.served}`,
      bodyJson: JSON.stringify({ answer: request.requestId }),
      usage: {
        inputTokens: cost.input,
        cachedInputTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: cost.output,
      },
      finishReason: 'stop',
      signals: options.headersAt === 'answer' ? signals() : told,
    };
  };

  return {
    books,
    provider: {
      name: 'virtual',
      call,
      probe: async () => ({
        isReachable: true,
        isAuthorized: true,
        detail: 'virtual',
        models: [],
        clockSkewMs: 0,
      }),
      close: async () => undefined,
    },
    utilization(dimension) {
      const bucket = limits.buckets[dimension];
      if (bucket === undefined) throw new Error(`${dimension} is not limited`);
      const minutes = (books.lastAdmittedAtMs - books.firstAtMs) / bucket.windowMs;
      return books.taken[dimension] / (bucket.capacity + bucket.limit * minutes);
    },
  };
}

/** A failed outcome as a provider adapter would give it. */
export function failure(code: ProviderFailure['code'], statusCode: number): ProviderFailure {
  return {
    kind: 'failed',
    code,
    message: `${code} (${statusCode})`,
    statusCode,
    requestId: 'upstream',
    bodyJson: null,
    throttledBy: null,
    isAmbiguous: false,
    signals: { windows: {} },
  };
}

function reasonOf(reason: string): ProviderFailure['throttledBy'] {
  if (reason === 'concurrency') return 'concurrency';
  return reason === 'requests' ||
    reason === 'inputTokens' ||
    reason === 'outputTokens' ||
    reason === 'totalTokens'
    ? reason
    : null;
}
