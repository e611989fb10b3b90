/**
 * Windows, batches, receive counts and kills, which emulators do not model: the deployed handlers
 * over models of SQS, the event source and Lambda, in virtual time.
 */

import { describe, expect, it } from 'vitest';
import { encodeNotice } from '../../../../shared/contracts/queue-message.ts';
import { decodeResultLine } from '../../../../shared/contracts/result-line.ts';
import { PRIORITIES } from '../../../../shared/domain/requests/request.ts';
import { placeOfId } from '../../../../shared/domain/requests/slice-plan.ts';
import { startWorld, TENANT, type World } from '../../../support/aws-world.ts';
import { failure } from '../../../support/virtual-provider.ts';
import { modelSettings } from '../../../support/virtual-run.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** 0 lost, 0 published twice, 0 given up, nothing sent but by those who accept and those who sweep. */
async function judge(world: World, accepted: number): Promise<void> {
  const { clock, ledger, home, bulk, interactive } = world;
  const counts = await clock.runUntil(ledger.requests.counts(TENANT));
  expect(counts).toEqual({
    ...{ succeeded: accepted, failed: 0, cancelled: 0, expired: 0, queued: 0, running: 0 },
  });
  expect(world.overwritten).toEqual([]);
  expect(bulk.queue.buried + interactive.queue.buried).toBe(0);
  expect(bulk.queue.calls.send + interactive.queue.calls.send).toBeLessThanOrEqual(
    world.callsOfSenders.accept + world.callsOfSenders.sweep,
  );
  expect(world.callsOfSenders.dispatch).toBe(0);
  const { items } = await clock.runUntil(ledger.requests.list({ tenant: TENANT, limit: 50 }));
  for (const { id, outcome } of items) {
    if (!outcome?.result) throw new Error(`${id} has no result`);
    const [line] = await clock.runUntil(home.payloads.read([outcome.result]));
    const decoded = decodeResultLine(Buffer.from(line ?? []).toString(), outcome.result);
    expect(decoded?.outcome.id).toBe(id);
  }
}

describe('a window', () => {
  it('gathers what is submitted within it into few invocations', async () => {
    const world = startWorld({ source: { pollers: 1 } });
    for (let second = 0; second < 4; second += 1) {
      await world.submit(500);
      await world.pass(SECOND);
    }
    await world.settle(HOUR);
    expect(world.sources.bulk.deliveries).toMatchObject([{ records: 8, gatheredMs: 5 * SECOND }]);
    await judge(world, 2_000);
  });

  it('keeps nobody waiting who waits for an answer', async () => {
    const world = startWorld();
    await world.submit(1, { priority: PRIORITIES.interactive });
    await world.pass(4 * SECOND);
    const { succeeded } = await world.clock.runUntil(world.ledger.requests.counts(TENANT));
    expect(succeeded).toBe(1);
    expect(world.sources.interactive.deliveries).toMatchObject([{ gatheredMs: 0 }]);
    await judge(world, 1);
  });

  it('with ten thousand messages is cut by weight, and every one of them is answered', async () => {
    const world = startWorld({
      source: { batchSize: 10_000, windowMs: 60 * SECOND, pollers: 1 },
      provider: { latencyP50Ms: 50, latencyP95Ms: 90 },
    });
    const [accepted] = await world.submit(500);
    if (accepted?.kind !== 'accepted') throw new Error('nothing was accepted');
    const slice = placeOfId(accepted.id)?.id ?? '';
    const notice = encodeNotice({ tenant: TENANT, slice, model: 'm', priority: PRIORITIES.bulk });
    // Doorbells for one slice again and again, as a sweeper in trouble might ring them.
    for (let sent = 0; sent < 10_000; sent += 10) world.bulk.queue.send(Array(10).fill(notice));
    await world.settle(10 * MINUTE);
    await world.pass(2 * MINUTE);
    const records = world.sources.bulk.deliveries.map((delivery) => delivery.records);
    expect(Math.max(...records)).toBeGreaterThan(5_000);
    expect(records.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(10_001);
    world.callsOfSenders.accept += 1_000;
    await judge(world, 500);
    expect([...world.books.servedIds.values()].every((times) => times === 1)).toBe(true);
  });
});

describe('a standard queue', () => {
  it('that delivers a third twice and all out of order changes nothing', async () => {
    const world = startWorld({
      seed: 5,
      queue: { duplicated: 0.33, reorders: true },
      source: { batchSize: 10, windowMs: SECOND },
    });
    for (let call = 0; call < 10; call += 1) await world.submit(250);
    await world.settle(HOUR);
    expect(world.bulk.queue.redelivered).toBeGreaterThan(0);
    await judge(world, 2_500);
    expect([...world.books.servedIds.values()].every((times) => times === 1)).toBe(true);
  });

  it('that loses every message is made good by the sweeper', async () => {
    const world = startWorld();
    world.aws.interfere = ({ service }) => (service === 'SQS' ? 'throttle' : undefined);
    const submitting = world.submit(250);
    await submitting;
    world.aws.interfere = () => undefined;
    expect(world.bulk.queue.calls.send).toBe(0);
    expect(await world.settle(HOUR)).toBeLessThan(4 * MINUTE);
    await judge(world, 250);
  });
});

describe('a function', () => {
  it.each([1, 5, 20, 60, 120, 250])(
    'killed at call %i of its first run loses nothing, and is made good within minutes',
    async (n) => {
      const world = startWorld({
        source: { pollers: 1 },
        settings: modelSettings({ perMinute: { requests: 6_000 } }),
        dispatch: {
          onInvoke: (life, invocation) => {
            if (invocation === 1) life.endAtCall(n);
          },
        },
      });
      await world.submit(500);
      const tookMs = await world.settle(HOUR);
      expect(world.dispatch.outcomes.killed).toBe(1);
      // Lease and sweep, not the half hour of the visibility timeout.
      expect(tookMs).toBeLessThan(6 * MINUTE);
      await judge(world, 500);
      // Each call in flight at the kill may be paid for again, and no other.
      const again = [...world.books.servedIds.values()].filter((times) => times > 1).length;
      expect(again).toBeLessThanOrEqual(world.books.peakInFlight);
    },
  );

  it('killed again and again, before every second minute is over, still gets on', async () => {
    let isRough = true;
    const world = startWorld({
      seed: 9,
      settings: modelSettings({ perMinute: { requests: 1_200 } }),
      dispatch: {
        onInvoke: (life, invocation) => {
          if (isRough && invocation % 2 === 1) life.endAtCall(200 + invocation * 37);
        },
      },
    });
    await world.submit(2_000);
    await world.pass(20 * MINUTE);
    isRough = false;
    await world.settle(HOUR);
    expect(world.dispatch.outcomes.killed).toBeGreaterThan(0);
    await judge(world, 2_000);
  });

  it('stops before its timeout, hands the rest back, and is not killed', async () => {
    const world = startWorld({
      settings: modelSettings({ perMinute: {}, concurrency: 8 }),
      provider: { latencyP50Ms: 2_000, latencyP95Ms: 3_000 },
      dispatch: { timeoutMs: MINUTE },
    });
    await world.submit(1_000);
    await world.settle(HOUR);
    expect(world.dispatch.outcomes.timed_out).toBe(0);
    await judge(world, 1_000);
    expect([...world.books.servedIds.values()].every((times) => times === 1)).toBe(true);
  });

  it('that is throttled for a while is made good, although receive counts burn', async () => {
    let isThrottled = true;
    const world = startWorld({
      dispatch: { isThrottled: () => isThrottled },
    });
    await world.submit(250);
    await world.pass(10 * MINUTE);
    isThrottled = false;
    expect(await world.settle(HOUR)).toBeLessThan(3 * MINUTE);
    expect(world.dispatch.outcomes.throttled).toBeGreaterThan(0);
    await judge(world, 250);
  });
});

describe('a provider', () => {
  it('that refuses everything for ten minutes burns no receive count and gets no storm', async () => {
    let isRefusing = true;
    const world = startWorld({
      provider: {
        fault: () =>
          isRefusing
            ? {
                ...failure('provider_throttled', 429),
                throttledBy: 'requests',
                signals: { windows: {}, retryAfterMs: 20 * SECOND },
              }
            : null,
      },
    });
    await world.submit(1_000);
    await world.pass(10 * MINUTE);
    const wasted = world.books.sent;
    isRefusing = false;
    await world.settle(HOUR);
    expect(wasted).toBeLessThan(2_000);
    expect(world.bulk.queue.peakReceiveCount).toBe(1);
    expect(world.dispatch.outcomes).toMatchObject({ failed: 0, killed: 0, timed_out: 0 });
    await judge(world, 1_000);
    expect([...world.books.servedIds.values()].every((times) => times === 1)).toBe(true);
  });

  it('with a limit that outlasts every function is worked off by as many functions as are allowed', async () => {
    const world = startWorld({
      settings: modelSettings({ perMinute: { requests: 100 } }),
      provider: { limits: { requestsPerMinute: 100 } },
    });
    for (let call = 0; call < 2; call += 1) await world.submit(500);
    const tookMs = await world.settle(2 * HOUR, 30 * SECOND);
    expect(tookMs).toBeLessThan(12 * MINUTE);
    expect(world.virtual.utilization('requests')).toBeGreaterThan(0.9);
    expect(world.books.refused / world.books.sent).toBeLessThan(0.001);
    expect(world.bulk.queue.peakReceiveCount).toBe(1);
    expect(world.dispatch.peakConcurrency).toBeLessThanOrEqual(8);
    await judge(world, 1_000);
  });
});

describe('poison', () => {
  it('goes to the dead-letter queue after five receives, is recorded, and stops nobody', async () => {
    const world = startWorld({ dispatch: { timeoutMs: MINUTE } });
    world.bulk.queue.send(['{"v":1']);
    world.callsOfSenders.accept += 1;
    await world.submit(250);
    await world.settle(HOUR);
    await world.pass(HOUR);
    expect(world.bulk.queue.peakReceiveCount).toBe(5);
    expect(world.bulk.queue.buried).toBe(1);
    expect(world.bulk.dead.size).toBe(0);
    const letters = [...world.aws.dynamo.all()].filter((item) => item['pk']?.['S'] === 'DEAD');
    expect(letters).toHaveLength(1);
    world.bulk.queue.buried = 0;
    await judge(world, 250);
  });
});
