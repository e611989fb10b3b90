import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../../shared/adapters/sqlite/stores.ts';
import type { ModelSettings } from '../../../../shared/domain/capacity/model-limits.ts';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import type { RequestSpec } from '../../../../shared/domain/requests/request.ts';
import type { EndedJob } from '../../../../shared/usecases/planning/learn-turnaround.ts';
import { createPlanner } from '../../../../shared/usecases/planning/planner.ts';
import { Scope } from '../../../contract/builders.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const MODEL: ModelSettings = {
  name: 'm',
  provider: 'p',
  providerModel: 'm',
  charging: 'at_admission',
  limits: { perMinute: { requests: 60 } },
  lanes: ['live', 'native'],
  price: modelPrice({ input: 1_000_000, output: 4_000_000, nativePerMille: 500 }),
  contextWindow: null,
  maxOutputTokens: null,
};

function start({ hasRoom = true } = {}) {
  const clock = new FakeClock();
  const database = openDatabase(':memory:');
  const stores = createSqliteStores(database);
  const scope = new Scope({ ...stores, close: () => database.close() });
  const planner = createPlanner({
    ...stores,
    models: new Map([['m', MODEL]]),
    clock,
    random: createSeededRandom(1),
    tickMs: MINUTE_MS,
    hasNativeRoom: async () => hasRoom,
  });
  const request = (id: string, windowMs: number | null, over: Partial<RequestSpec> = {}) =>
    scope.spec({
      id,
      model: 'm',
      inputTokens: 1_000,
      maxOutputTokens: 100,
      createdAtMs: clock.nowMs(),
      deadlineAtMs: windowMs === null ? null : clock.nowMs() + windowMs,
      ...over,
    });
  return { clock, stores, scope, planner, request };
}

const ended = (atMs: number, over: Partial<EndedJob> = {}): EndedJob => ({
  provider: 'p',
  model: 'm',
  submittedAtMs: atMs - 5 * MINUTE_MS,
  cancelledAtMs: null,
  endedAtMs: atMs,
  isCompleted: true,
  ...over,
});

describe('planner', () => {
  it('routes by what is known: time, room, and a queue that is too long', async () => {
    const { planner, request } = start();
    expect(await planner.route(request('a', null))).toBe('sync');
    expect(await planner.route(request('b', MINUTE_MS))).toBe('sync');
    expect(await planner.route(request('c', 6 * HOUR_MS))).toBe('native');
    expect(await planner.route(request('d', null, { lane: 'native' }))).toBe('native');
    expect(await planner.route(request('e', 6 * HOUR_MS, { lane: 'live' }))).toBe('sync');
    const full = start({ hasRoom: false });
    expect(await full.planner.route(full.request('f', 6 * HOUR_MS))).toBe('sync');
  });

  it('learns from ended and cancelled jobs', async () => {
    const { clock, planner, request } = start();
    const fresh = request('a', 20 * MINUTE_MS);
    const before = await planner.plan(fresh);
    for (let job = 0; job < 30; job += 1) {
      await planner.learn(ended(clock.nowMs()));
      const cancelledAtMs = clock.nowMs() - 2_000;
      await planner.learn(ended(clock.nowMs(), { cancelledAtMs, isCompleted: false }));
    }
    const after = await planner.plan(fresh);
    expect(before.why).toContain('assumed');
    expect(after.lane).toBe('native');
    expect(after.why).toContain('of 60 seen');
    // Cancelling takes seconds, not minutes: it may wait longer.
    expect(after.escalateAtMs).toBeGreaterThan(before.escalateAtMs ?? Number.NaN);
  });

  it('explains what is open, and nothing of what has ended', async () => {
    const { clock, stores, scope, planner, request } = start();
    await stores.requests.accept([
      request('n', 6 * HOUR_MS, { route: 'native' }),
      request('s', null),
      request('m', 5 * MINUTE_MS),
      request('back', 6 * HOUR_MS, { lane: 'native' }),
    ]);
    const explain = async (id: string) => {
      const view = await stores.requests.get(scope.tenant, id);
      if (view === null) throw new Error(`no ${id}`);
      return planner.explain(view);
    };
    const first = await explain('n');
    expect(first).toMatchObject({ lane: 'native', meetsDeadline: true });
    expect((await explain('s'))?.lane).toBe('live');
    expect((await explain('m'))?.why).toMatch(/^Live: 5 min to the deadline; native batches take/);
    expect(await explain('back')).toMatchObject({
      lane: 'live',
      why: 'Live: it is in the queue of calls, and soon made.',
    });
    const endMs = (await planner.expectEndMs('m', clock.nowMs())) ?? 0;
    expect(endMs - clock.nowMs()).toBeGreaterThan(HOUR_MS / 2);
    expect(await planner.expectEndMs('unknown', 0)).toBeNull();
    await clock.runUntil(clock.sleep(4 * HOUR_MS));
    const later = await explain('n');
    // What was expected is over; what is usual from here on counts.
    expect(first?.expectedFinishAtMs).toBeLessThan(clock.nowMs());
    expect(later?.expectedFinishAtMs).toBeGreaterThan(clock.nowMs());
    expect(later?.escalateAtMs).toBe(first?.escalateAtMs);
  });

  it('relieves a long queue of what has time to spare, and leaves the rest as it was', async () => {
    const { clock, stores, planner, request } = start();
    const waiting = Array.from({ length: 900 }, (_, at) =>
      request(`r${at}`, at % 3 === 0 ? 12 * HOUR_MS : null, { groupOrder: at }),
    );
    await stores.requests.accept(waiting);
    expect(await planner.relieve()).toBe(167);
    const backlog = await stores.work.backlog();
    expect(backlog.find(({ route }) => route === 'native')?.requests).toBe(167);
    const head = await stores.work.lease({
      model: 'm',
      owner: 'worker',
      nowMs: clock.nowMs(),
      expiresAtMs: clock.nowMs() + 1,
      limit: 1_000,
    });
    expect(head).toHaveLength(900 - 167);
    expect(head.every(({ attempts }) => attempts === 0)).toBe(true);
  });

  it('takes nothing from a long queue that somebody waits for', async () => {
    const { stores, planner, request } = start();
    await stores.requests.accept(
      Array.from({ length: 900 }, (_, at) =>
        request(`r${at}`, 12 * HOUR_MS, { priority: at < 600 ? 0 : 9 }),
      ),
    );
    expect(await planner.relieve()).toBe(300);
  });

  it('looks anew when the clock was set back', async () => {
    const { clock, stores, planner, request } = start();
    const rows = { requests: 1, inputTokens: 1, maxOutputTokens: 1 };
    await clock.runUntil(clock.sleep(HOUR_MS));
    const before = await planner.callsMs('m', rows);
    await stores.requests.accept([request('a', null)]);
    clock.setBack(HOUR_MS);
    expect(await planner.callsMs('m', rows)).toBeGreaterThan(before);
  });

  it('leaves a short queue alone', async () => {
    const { stores, planner, request } = start();
    await stores.requests.accept([request('a', 12 * HOUR_MS)]);
    expect(await planner.relieve()).toBe(0);
  });

  it('knows how long rows of a job would take at the limits', async () => {
    const { planner } = start();
    const rows = { requests: 120, inputTokens: 1, maxOutputTokens: 1 };
    expect(await planner.drainMs('m', rows)).toBe(2 * MINUTE_MS);
    expect(await planner.drainMs('unknown', rows)).toBe(0);
  });
});
