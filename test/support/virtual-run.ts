/** A whole engine over a virtual provider, in virtual time. */

import { openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import type { CapacityState } from '../../shared/domain/capacity/capacity-state.ts';
import type { ModelLimits, ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { PayloadPointer, RequestSpec } from '../../shared/domain/requests/request.ts';
import type { CapacityStore } from '../../shared/ports/capacity-store.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { PayloadStore, ResultLog } from '../../shared/ports/payload-store.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createDispatcher, type Dispatcher } from '../../shared/usecases/dispatcher.ts';
import { FakeClock } from './fake-clock.ts';
import { createVirtualProvider, type VirtualProviderOptions } from './virtual-provider.ts';

export interface VirtualRequest {
  readonly input: number;
  readonly output: number;
  readonly max: number;
  readonly prefixKey?: string;
  readonly deadlineAtMs?: number;
}

export const SILENT: Telemetry = { count: () => undefined, log: () => undefined };

export function seededRandom(seed = 1): Random {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { next, id: (prefix) => `${prefix}${Math.floor(next() * 2 ** 32).toString(36)}` };
}

/** Requests like those of the benchmark: a shared opening, a varying tail. */
export function workload(count: number, seed = 7): VirtualRequest[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const max = 64 + Math.floor(random.next() * 193);
    return {
      input: 1_250 + Math.floor(random.next() * 250),
      output: Math.max(1, Math.floor(max * (0.3 + 0.6 * random.next()))),
      max,
    };
  });
}

export function modelSettings(
  limits: ModelLimits,
  overrides: Partial<ModelSettings> = {},
): ModelSettings {
  return {
    name: 'm',
    provider: 'virtual',
    providerModel: 'm',
    charging: 'at_admission',
    limits,
    lanes: ['live'],
    price: null,
    contextWindow: null,
    maxOutputTokens: null,
    ...overrides,
  };
}

export interface VirtualSetUp {
  readonly requests: readonly VirtualRequest[];
  readonly settings: ModelSettings;
  readonly provider: Omit<VirtualProviderOptions, 'clock'>;
  /** Workers that share the limit through one capacity store. */
  readonly workers?: number;
  /** Time each read and each write of that store takes; by default none. */
  readonly storeMs?: number;
  /** How much later than asked a worker wakes from a sleep, as on a machine that is overloaded. Unit: ms. */
  readonly stall?: () => number;
  /** Gets the dispatchers before they run. */
  readonly onStart?: (dispatchers: readonly Dispatcher[], clock: FakeClock) => void;
}

/** Runs the requests to the end; every figure a test may want comes back. */
export async function runVirtually({
  requests,
  settings,
  provider,
  workers = 1,
  storeMs = 0,
  stall = () => 0,
  onStart,
}: VirtualSetUp) {
  const clock = new FakeClock();
  const startedAtMs = clock.nowMs();
  const virtual = createVirtualProvider({ ...provider, clock });
  const { stores, payloads, results } = await seedStores(requests, clock, settings.name);
  const published: PublishedResult[] = [];
  const capacity = new DistantCapacityStore(clock, storeMs);
  const dispatchers: Dispatcher[] = Array.from({ length: workers }, (_, index) =>
    createDispatcher({
      work: stores.work,
      payloads,
      results,
      capacity,
      providers: new Map([['virtual', virtual.provider]]),
      models: new Map([[settings.name, settings]]),
      clock: stalling(clock, stall),
      random: seededRandom(index + 1),
      telemetry: SILENT,
      owner: `worker-${index}`,
      onPublished: (group) => published.push(...group),
    }),
  );
  onStart?.(dispatchers, clock);
  const reports = await clock.runUntil(
    Promise.all(dispatchers.map((dispatcher) => dispatcher.run({ untilDrained: true }))),
  );
  return {
    ...virtual,
    reports,
    published,
    stores,
    capacity,
    dispatchers,
    elapsedMs: clock.nowMs() - startedAtMs,
  };
}

function stalling(clock: FakeClock, stall: () => number): Clock {
  return {
    nowMs: () => clock.nowMs(),
    async sleep(ms, signal) {
      await clock.sleep(ms, signal);
      await clock.sleep(stall());
    },
  };
}

/** A capacity store as far away as DynamoDB: read, decide, write if nobody else has. */
class DistantCapacityStore implements CapacityStore {
  /** Conditional writes, and those of them that found another's. */
  writes = 0;
  conflicts = 0;
  private readonly clock: FakeClock;
  private readonly storeMs: number;
  private readonly items = new Map<string, { version: number; json: string }>();

  constructor(clock: FakeClock, storeMs: number) {
    this.clock = clock;
    this.storeMs = storeMs;
  }

  async transact<Value>(
    model: string,
    step: (state: CapacityState | null) => { state: CapacityState; value: Value },
  ): Promise<Value> {
    let seen = await this.read(model);
    for (;;) {
      const { state, value } = step(seen === null ? null : JSON.parse(seen.json));
      const json = JSON.stringify(state);
      await this.clock.sleep(this.storeMs);
      this.writes += 1;
      const current = this.items.get(model) ?? null;
      if (current?.version === seen?.version) {
        this.items.set(model, { version: (current?.version ?? 0) + 1, json });
        return value;
      }
      // The failed condition returns the item it met.
      this.conflicts += 1;
      seen = current;
    }
  }

  async snapshot(): Promise<Map<string, CapacityState>> {
    return new Map([...this.items].map(([model, { json }]) => [model, JSON.parse(json)]));
  }

  private async read(model: string) {
    await this.clock.sleep(this.storeMs);
    return this.items.get(model) ?? null;
  }
}

async function seedStores(requests: readonly VirtualRequest[], clock: FakeClock, model: string) {
  const stores = createSqliteStores(openDatabase(':memory:'));
  const bodies: Uint8Array[] = requests.map((request) => Buffer.from(JSON.stringify(request)));
  const specs = requests.map((request, index): RequestSpec => {
    const length = bodies[index]?.length ?? 0;
    return {
      id: `r${index}`,
      tenant: 't',
      customId: `c${index}`,
      batchId: null,
      model,
      endpoint: '/v1/chat/completions',
      lane: null,
      priority: 9,
      tags: [],
      fingerprint: `f${index}`,
      body: { segment: 'memory', offset: index, length },
      inputTokens: request.input,
      maxOutputTokens: request.max,
      prefixKey: request.prefixKey ?? null,
      groupOrder: 0,
      createdAtMs: clock.nowMs(),
      deadlineAtMs: request.deadlineAtMs ?? null,
    };
  });
  for (let start = 0; start < specs.length; start += 1_000) {
    await stores.requests.accept(specs.slice(start, start + 1_000));
  }
  const payloads: PayloadStore = {
    append: () => Promise.reject(new Error('not needed')),
    read: async (pointers) => pointers.map(({ offset }) => bodies[offset] ?? new Uint8Array()),
  };
  let written = 0;
  const results: ResultLog = {
    append: async (_tenant, line): Promise<PayloadPointer> => {
      written += 1;
      return { segment: 'results', offset: written, length: line.length };
    },
  };
  return { stores, payloads, results };
}
