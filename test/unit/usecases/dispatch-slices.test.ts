import { describe, expect, it } from 'vitest';
import { MemoryProviderHolds } from '../../../shared/adapters/memory/provider-holds.ts';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../shared/adapters/sqlite/stores.ts';
import type { ModelSettings } from '../../../shared/domain/capacity/model-limits.ts';
import type { ProviderStop } from '../../../shared/domain/capacity/provider-stop.ts';
import { PRIORITIES, type RequestSpec } from '../../../shared/domain/requests/request.ts';
import type { CompletionProvider } from '../../../shared/ports/completion-provider.ts';
import type { SliceNotice } from '../../../shared/ports/request-queue.ts';
import { createDispatchSlices } from '../../../shared/usecases/dispatch-slices.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySegments } from '../../support/memory-segments.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { SliceTwin } from '../../support/slice-twin.ts';
import {
  createVirtualProvider,
  failure,
  type VirtualProviderOptions,
} from '../../support/virtual-provider.ts';
import { modelSettings } from '../../support/virtual-run.ts';

function hangUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

const MINUTE_MS = 60_000;
const BULK = PRIORITIES.bulk;

interface SetUp {
  /** Stands for the provider's. */
  readonly call?: CompletionProvider['call'];
  readonly provider?: Partial<VirtualProviderOptions>;
  readonly settings?: Partial<ModelSettings>;
  readonly unusable?: readonly ProviderStop[];
}

async function start({ provider = {}, settings = {}, unusable = [], call }: SetUp = {}) {
  const clock = new FakeClock();
  const virtual = createVirtualProvider({ limits: {}, clock, ...provider });
  const stores = createSqliteStores(openDatabase(':memory:'));
  const segments = new MemorySegments();
  const holds = new MemoryProviderHolds();
  const slices = new SliceTwin(stores.work);
  const metrics: { metric: string; value: number; by: unknown }[] = [];
  const models = new Map([['m', modelSettings({ perMinute: {} }, settings)]]);
  const owners: string[] = [];
  const dispatchSlices = createDispatchSlices({
    ...stores,
    slices,
    holds,
    payloads: segments.payloads,
    resultsOf: (owner) => {
      owners.push(owner);
      return segments.results;
    },
    providers: new Map([['virtual', { ...virtual.provider, ...(call && { call }) }]]),
    models,
    unusable,
    clock,
    random: createSeededRandom(3),
    telemetry: {
      count: (metric, value, by) => metrics.push({ metric, value, by }),
      log: () => undefined,
    },
  });

  async function accept(slice: string, count: number, overrides: Partial<RequestSpec> = {}) {
    const line = Buffer.from(JSON.stringify({ model: 'm', input: 10, output: 5, max: 10 }));
    const [body] = await segments.payloads.append('t', [line]);
    if (body === undefined) throw new Error('nothing was kept');
    await stores.requests.accept(
      Array.from(
        { length: count },
        (_, index): RequestSpec => ({
          id: `${slice}.${index}`,
          tenant: 't',
          customId: null,
          batchId: null,
          model: 'm',
          endpoint: '/v1/chat/completions',
          lane: null,
          priority: BULK,
          tags: [],
          fingerprint: 'f',
          body,
          inputTokens: 10,
          maxOutputTokens: 10,
          prefixKey: null,
          groupOrder: 0,
          createdAtMs: clock.nowMs(),
          deadlineAtMs: null,
          slice: { id: slice, index },
          ...overrides,
        }),
      ),
    );
  }

  const notice = (slice: string, overrides: Partial<SliceNotice> = {}): SliceNotice => ({
    tenant: 't',
    slice,
    model: 'm',
    priority: BULK,
    ...overrides,
  });

  /** One invocation with that much time. */
  const invoke = (notices: readonly SliceNotice[], ms = 2 * MINUTE_MS) =>
    clock.runUntil(dispatchSlices(notices, { deadlineMs: clock.nowMs() + ms }));

  const held = async () => (await holds.list()).find(({ provider: name }) => name === 'virtual');
  const statuses = () => stores.requests.counts('t');
  /** When the ledger would next grant something, from now. */
  const dueInMs = async () => {
    const [entry] = await stores.work.backlog();
    return entry === undefined ? null : Math.max(0, entry.nextDueAtMs - clock.nowMs());
  };
  return { ...virtual, clock, held, metrics, owners, accept, notice, invoke, statuses, dueInMs };
}

describe('one invocation', () => {
  it('answers what its notices name, and ends when it is done', async () => {
    const { accept, notice, invoke, statuses, clock } = await start();
    await accept('a', 20);
    const beganAtMs = clock.nowMs();
    const report = await invoke([notice('a'), notice('a')]);
    expect(report).toMatchObject({ reason: 'drained', sent: 20, succeeded: 20 });
    expect(await statuses()).toMatchObject({ succeeded: 20, queued: 0, running: 0 });
    expect(clock.nowMs() - beganAtMs).toBeLessThan(20_000);
  });

  it('ends at once when its slices have ended or are held by others', async () => {
    const { invoke, notice, books } = await start();
    expect(await invoke([notice('gone')])).toMatchObject({ reason: 'drained', sent: 0 });
    expect(books.sent).toBe(0);
  });

  it('helps with work others handed back, once it was woken for bulk work', async () => {
    const { accept, notice, invoke, statuses } = await start();
    await accept('a', 3);
    await accept('handed-back', 3);
    await invoke([notice('a')]);
    expect(await statuses()).toMatchObject({ succeeded: 6 });
  });

  it('leaves other work alone when it was woken for somebody who waits', async () => {
    const { accept, notice, invoke, statuses } = await start();
    await accept('one', 1, { priority: PRIORITIES.interactive });
    await accept('bulk', 5);
    await invoke([notice('one', { priority: PRIORITIES.interactive })]);
    expect(await statuses()).toMatchObject({ succeeded: 1, queued: 5 });
  });

  it('works under an owner of its own each time', async () => {
    const { invoke, notice, owners } = await start();
    await invoke([notice('a')]);
    await invoke([notice('a')]);
    expect(new Set(owners).size).toBe(2);
  });

  it('measures by provider and model, never by tenant', async () => {
    const { accept, notice, invoke, metrics } = await start();
    await accept('a', 4);
    await invoke([notice('a')]);
    const answered = metrics.filter(({ metric }) => metric === 'RequestSucceeded');
    expect(answered).toHaveLength(4);
    expect(answered[0]?.by).toEqual({ provider: 'virtual', model: 'm' });
    expect(metrics.some(({ metric, value }) => metric === 'ProviderThrottled' && value === 0)).toBe(
      true,
    );
  });
});

describe('near the deadline', () => {
  it('admits nothing more, lets calls finish, and hands the rest back to be taken at once', async () => {
    const { accept, notice, invoke, statuses, clock, dueInMs, books } = await start({
      settings: { limits: { perMinute: {}, concurrency: 1 } },
      provider: { latencyP50Ms: 5_000, latencyP95Ms: 5_001 },
    });
    await accept('a', 100);
    const deadlineMs = clock.nowMs() + MINUTE_MS;
    const report = await invoke([notice('a')], MINUTE_MS);
    const { succeeded, queued, running } = await statuses();
    expect(report.reason).toBe('deadline');
    expect(clock.nowMs()).toBeLessThan(deadlineMs);
    expect({ left: queued, running }).toEqual({ left: 100 - succeeded, running: 0 });
    expect(books.served).toBe(succeeded);
    expect(succeeded).toBeGreaterThan(7);
    expect(await dueInMs()).toBe(0);
  });

  it('ends calls that would outlive the function, and hands their requests back', async () => {
    const { accept, notice, invoke, statuses, clock, dueInMs } = await start({
      call: async (_, signal) => {
        await hangUntil(signal);
        return { ...failure('provider_timeout', 0), isAmbiguous: true };
      },
    });
    await accept('a', 3);
    const deadlineMs = clock.nowMs() + MINUTE_MS;
    await invoke([notice('a')], MINUTE_MS);
    expect(clock.nowMs() - deadlineMs).toBeLessThan(1_000);
    expect(await statuses()).toMatchObject({ queued: 3, running: 0 });
    expect(await dueInMs()).toBeLessThan(5_000);
  });
});

describe('work that has to wait', () => {
  const refusing = (retryAfterMs: number): Partial<VirtualProviderOptions> => ({
    fault: () => ({
      ...failure('provider_throttled', 429),
      signals: { windows: {}, retryAfterMs },
    }),
  });

  it('is slept for when the wait is short', async () => {
    let refusals = 0;
    const { accept, notice, invoke } = await start({
      provider: {
        fault: () => {
          refusals += 1;
          return refusals > 1
            ? null
            : {
                ...failure('provider_throttled', 429),
                signals: { windows: {}, retryAfterMs: 8_000 },
              };
        },
      },
    });
    await accept('a', 1);
    expect(await invoke([notice('a')])).toMatchObject({ reason: 'drained', succeeded: 1 });
  });

  it('is parked until the instant the provider named, when that is not worth paying for', async () => {
    const { accept, notice, invoke, clock, dueInMs, statuses } = await start({
      provider: refusing(10 * MINUTE_MS),
    });
    await accept('a', 5);
    const beganAtMs = clock.nowMs();
    const report = await invoke([notice('a')]);
    expect(report.reason).toBe('parked');
    expect(clock.nowMs() - beganAtMs).toBeLessThan(5_000);
    expect(await statuses()).toMatchObject({ queued: 5, running: 0 });
    expect(await dueInMs()).toBeGreaterThan(9 * MINUTE_MS);
  });

  it('is parked when it would outlast the function', async () => {
    const { accept, notice, invoke, clock } = await start({ provider: refusing(25_000) });
    await accept('a', 1);
    const beganAtMs = clock.nowMs();
    expect((await invoke([notice('a')], 30_000)).reason).toBe('parked');
    expect(clock.nowMs() - beganAtMs).toBeLessThan(5_000);
  });

  it('counts no attempt and asks rarely in ten minutes of refusals', async () => {
    let isRefusing = true;
    const { accept, notice, invoke, clock, books, statuses } = await start({
      provider: {
        fault: () =>
          isRefusing
            ? {
                ...failure('provider_throttled', 429),
                signals: { windows: {}, retryAfterMs: 20_000 },
              }
            : null,
      },
    });
    await accept('a', 200);
    const endMs = clock.nowMs() + 10 * MINUTE_MS;
    // The sweeper rings once a minute; every invocation resolves, so no receive is counted.
    while (clock.nowMs() < endMs) {
      await invoke([notice('a')]);
      await clock.runUntil(clock.sleep(1_000));
    }
    expect(await statuses()).toMatchObject({ queued: 200 });
    expect(books.sent).toBeLessThan(2_000);
    isRefusing = false;
    await clock.runUntil(clock.sleep(MINUTE_MS));
    await invoke([notice('a')]);
    expect(await statuses()).toMatchObject({ succeeded: 200 });
  });
});

describe('a provider that refuses its key', () => {
  const refusing = { fault: () => failure('provider_auth_failed', 401) };

  it('is held for everybody, and its requests wait for the review', async () => {
    const { accept, notice, invoke, held, dueInMs, books } = await start({ provider: refusing });
    await accept('a', 500);
    await accept('b', 5);
    await invoke([notice('a'), notice('b')]);
    expect(await held()).toMatchObject({ code: 'provider_auth_failed' });
    expect(await dueInMs()).toBeGreaterThan(50_000);
    const sent = books.sent;
    await invoke([notice('a')]);
    expect(books.sent).toBe(sent);
  });

  it('is tried by one request when the hold is due, and held again for longer', async () => {
    const { accept, notice, invoke, held, clock, books } = await start({ provider: refusing });
    await accept('a', 50);
    await invoke([notice('a')]);
    for (let trial = 0; trial < 4; trial += 1) {
      const dueAtMs = (await held())?.reviewAtMs ?? 0;
      await clock.runUntil(clock.sleep(dueAtMs - clock.nowMs() + 1_000));
      const sent = books.sent;
      await invoke([notice('a')]);
      expect(books.sent - sent).toBe(1);
    }
    const { heldAtMs = 0, reviewAtMs = 0 } = (await held()) ?? {};
    expect(reviewAtMs - clock.nowMs()).toBeGreaterThan(7 * MINUTE_MS);
    expect(clock.nowMs() - heldAtMs).toBeGreaterThan(8 * MINUTE_MS);
  });

  it('is released by its first answer, and the rest follows in the same invocation', async () => {
    let isFixed = false;
    const { accept, notice, invoke, held, clock, statuses } = await start({
      provider: { fault: () => (isFixed ? null : failure('provider_auth_failed', 401)) },
    });
    await accept('a', 50);
    await invoke([notice('a')]);
    isFixed = true;
    await clock.runUntil(clock.sleep(MINUTE_MS + 1_000));
    await invoke([notice('a')]);
    expect(await held()).toBeUndefined();
    expect(await statuses()).toMatchObject({ succeeded: 50 });
  });
});

describe('what cannot be called at all', () => {
  it('is held when a secret is missing, with the remedy', async () => {
    const unusable = [
      { provider: 'virtual', code: 'provider_auth_failed' as const, message: 'Create the secret' },
    ];
    const { accept, notice, invoke, held, books, dueInMs } = await start({ unusable });
    await accept('a', 5);
    expect(await invoke([notice('a')])).toMatchObject({ reason: 'drained', sent: 0 });
    expect((await held())?.message).toBe('Create the secret');
    expect(books.sent).toBe(0);
    expect(await dueInMs()).toBeGreaterThan(50_000);
  });

  it('waits when the configuration no longer names its model', async () => {
    const { accept, notice, invoke, dueInMs } = await start();
    await accept('a', 5, { model: 'gone' });
    expect((await invoke([notice('a', { model: 'gone' })])).sent).toBe(0);
    expect(await dueInMs()).toBeGreaterThan(4 * MINUTE_MS);
  });
});
