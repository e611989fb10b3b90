/** A home of the native lane in memory: ledger, jobs, segments, provider and a clock that is moved. */

import { openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { createSqliteStores, type SqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { ModelPrice } from '../../shared/domain/cost/pricing.ts';
import { NO_USAGE } from '../../shared/domain/cost/usage.ts';
import type { NativeJob } from '../../shared/domain/native/native-job.ts';
import type { RequestOutcome, RequestSpec } from '../../shared/domain/requests/request.ts';
import type { NativeBatchProvider } from '../../shared/ports/native-batch-provider.ts';
import type { NativeDeps } from '../../shared/usecases/native/native-deps.ts';
import { planRoute } from '../../shared/usecases/native/plan-route.ts';
import { createTickNative } from '../../shared/usecases/native/tick-native.ts';
import { createSimulator, type SimulatorOptions } from '../../simulator/server.ts';
import { type BatchDialect, createInProcessBatches } from './in-process-batches.ts';
import { MemorySegments } from './memory-segments.ts';
import { createSeededRandom } from './seeded-random.ts';

export const NEVER = new AbortController().signal;
export const MODELS = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5' } as const;

/** Time that stands until it is moved. */
export class MovedClock {
  now = 1_795_514_400_000;

  nowMs(): number {
    return this.now;
  }

  sleep(): Promise<void> {
    return Promise.resolve();
  }
}

export interface NativeWorldOptions {
  readonly dialect?: BatchDialect;
  readonly model?: string;
  readonly price?: ModelPrice;
  readonly simulator?: SimulatorOptions;
  readonly deps?: Partial<NativeDeps>;
}

export type NativeWorld = ReturnType<typeof createNativeWorld>;

export function createNativeWorld(options: NativeWorldOptions = {}) {
  const dialect = options.dialect ?? 'openai';
  const clock = new MovedClock();
  const simulator = createSimulator(options.simulator ?? {}, clock);
  const provider = createInProcessBatches('p', dialect, { fetch: simulator.fetch, clock });
  const database = openDatabase(':memory:');
  const stores: SqliteStores = createSqliteStores(database);
  const segments = new MemorySegments();
  const published: RequestOutcome[] = [];
  const settled: NativeJob[] = [];
  const logged: string[] = [];
  const errors: string[] = [];
  const model = options.model ?? MODELS[dialect];
  const settings: ModelSettings = {
    name: model,
    provider: 'p',
    providerModel: model,
    charging: 'at_admission',
    limits: { perMinute: {} },
    lanes: ['live', 'native'],
    price: options.price ?? null,
    contextWindow: null,
    maxOutputTokens: null,
  };
  const seeded = createSeededRandom(7);
  let ids = 0;
  const deps: NativeDeps = {
    jobs: stores.nativeJobs,
    work: stores.work,
    payloads: segments.payloads,
    results: segments.results,
    providers: new Map<string, NativeBatchProvider>([['p', provider]]),
    models: new Map([[model, settings]]),
    queueTokensOf: () => null,
    planRoute,
    callsMs: async () => 0,
    gatherMs: () => 0,
    keepFilesMs: 0,
    clock,
    random: {
      next: () => seeded.next(),
      id: (prefix) => {
        ids += 1;
        return `${prefix}${ids.toString(36).padStart(8, '0')}`;
      },
    },
    telemetry: {
      count: () => undefined,
      log: (level, message) => {
        logged.push(message);
        if (level === 'error') errors.push(message);
      },
    },
    onPublished: (group) => published.push(...group.map(({ outcome }) => outcome)),
    onSettled: (job) => {
      settled.push(job);
    },
    ...options.deps,
  };
  let accepted = 0;
  const world = {
    ...{
      clock,
      simulator,
      provider,
      stores,
      segments,
      published,
      settled,
      logged,
      errors,
      deps,
      model,
    },
    tick: () => createTickNative(deps)({ deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER }),
    /** Accepts so many requests for batches, with these differences. */
    async accept(
      count: number,
      differences: (index: number) => Partial<RequestSpec> = () => ({}),
      bodyAt: (id: string, index: number) => Readonly<Record<string, unknown>> = (id) =>
        bodyOf(model, id),
    ) {
      const specs: RequestSpec[] = [];
      for (let index = 0; index < count; index += 1) {
        accepted += 1;
        const id = `r${accepted}`;
        const content = bodyAt(id, index);
        const line = Buffer.from(JSON.stringify(content));
        const [body] = await segments.payloads.append('t', [line]);
        if (body === undefined) throw new Error('nothing was appended');
        specs.push({
          ...{ id, tenant: 't', customId: `c-${id}`, batchId: null, model, priority: 9, tags: [] },
          endpoint: dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages',
          lane: 'native',
          fingerprint: id,
          body,
          inputTokens: 20,
          maxOutputTokens: 16,
          prefixKey: prefixKey(model, content),
          groupOrder: accepted,
          createdAtMs: clock.nowMs(),
          deadlineAtMs: null,
          route: 'native',
          ...differences(index),
        });
      }
      await stores.requests.accept(specs);
      return specs;
    },
    /** Ticks and moves time to whatever is due next, until no job is left and nothing waits for one. */
    async run(most = 500): Promise<void> {
      for (let step = 0; step < most; step += 1) {
        await world.tick();
        const next = await world.nextDueMs();
        if (next === null) return;
        clock.now = Math.max(clock.now + 1, next);
      }
      throw new Error('The lane does not come to rest');
    },
    /** The same, until that instant. */
    async runUntil(atMs: number): Promise<void> {
      for (;;) {
        await world.tick();
        const next = await world.nextDueMs();
        if (next === null || next > atMs) break;
        clock.now = Math.max(clock.now + 1, next);
      }
      clock.now = Math.max(clock.now, atMs);
    },
    /** Ends requests as their callers do. */
    async cancel(specs: readonly RequestSpec[]): Promise<void> {
      await stores.work.commit(
        specs.map(({ id, tenant, body }) => ({
          ...{ id, tenant, status: 'cancelled' as const, statusCode: 0, lane: 'native' as const },
          ...{ errorCode: 'cancelled', provider: 'p', usage: NO_USAGE, costMicroUsd: 0 },
          ...{ attempts: 0, firstAttemptAtMs: null, finishedAtMs: clock.now, result: body },
        })),
      );
    },
    async nextDueMs(): Promise<number | null> {
      const [job] = await stores.nativeJobs.unfinished();
      const waiting = (await stores.work.backlog()).filter(({ route }) => route === 'native');
      const due = [...(job ? [job.dueAtMs] : []), ...waiting.map((row) => row.nextDueAtMs)];
      return due.length === 0 ? null : Math.min(...due);
    },
    close: () => database.close(),
  };
  return world;
}

export function bodyOf(model: string, id: string) {
  const content = `[id:${id}] Say hello.`;
  return { model, max_tokens: 16, messages: [{ role: 'user', content }] };
}
