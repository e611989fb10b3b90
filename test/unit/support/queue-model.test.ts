/** The queue model against the rules of SQS; numbers are rows of the facts on reliability, section 1. */

import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { QueueModel, type QueueSettings } from '../../support/queue-model.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a standard queue', () => {
  it('takes messages of 1 MiB, alone and together, in calls of up to ten [1]', () => {
    const { queue } = start();
    expect(queue.send(['x'.repeat(1_048_576)])).toHaveLength(1);
    expect(() => queue.send(['x'.repeat(1_048_577)])).toThrow('1048576 bytes');
    expect(() => queue.send(['x'.repeat(600_000), 'x'.repeat(600_000)])).toThrow('1048576 bytes');
    expect(() => queue.send(Array.from({ length: 11 }, () => 'x'))).toThrow('1 to 10');
  });

  it('forgets what is too old, silently, and is kept to 1 minute to 14 days [2]', async () => {
    const { queue, pass } = start({ retentionMs: 4 * DAY });
    queue.send(['old']);
    await pass(4 * DAY - 1);
    expect(queue.size).toBe(1);
    await pass(1);
    expect(queue.receive()).toEqual([]);
    expect(queue.expired).toBe(1);
    expect(() => start({ retentionMs: 59 * SECOND })).toThrow('retention');
    expect(() => start({ retentionMs: 14 * DAY + 1 })).toThrow('retention');
  });

  it('delays a message by up to 15 minutes [3]', async () => {
    const { queue, pass } = start();
    queue.send(['later'], 15 * MINUTE);
    expect(queue.receive()).toEqual([]);
    await pass(15 * MINUTE);
    expect(queue.receive()).toHaveLength(1);
    expect(() => queue.send(['later'], 15 * MINUTE + 1)).toThrow('delay');
  });

  it('hides what was received until its timeout ends, at most 12 hours from the first receive [4]', async () => {
    const { queue, pass } = start({ visibilityTimeoutMs: 30 * SECOND });
    queue.send(['work']);
    const [first] = queue.receive();
    expect(queue.receive()).toEqual([]);
    await pass(20 * SECOND);
    queue.changeVisibility(first?.receipt ?? '', 12 * HOUR);
    await pass(12 * HOUR - 20 * SECOND - 1);
    expect(queue.receive()).toEqual([]);
    await pass(1);
    expect(queue.receive()[0]?.receiveCount).toBe(2);
    expect(() => start({ visibilityTimeoutMs: 12 * HOUR + 1 })).toThrow('visibility');
  });

  it('gives out no more than 120,000 at a time [5]', () => {
    const { queue } = start();
    const ten = Array.from({ length: 10 }, () => 'm');
    for (let sent = 0; sent < 120_010; sent += 10) queue.send(ten);
    let received = 0;
    for (let count = -1; count !== 0; received += count) count = queue.receive().length;
    expect(received).toBe(120_000);
    expect(queue.size).toBe(120_010);
  });

  it.each(['a\u0000b', 'a\u001fb', 'a\ud800b', 'a\ufffeb', 'a\uffffb'])(
    'refuses %j, which JSON may well hold [6]',
    (body) => {
      const { queue } = start();
      expect(() => queue.send([body])).toThrow('refuses');
      expect(queue.send(['tab\t, break\r\n, \ud83d\ude00, \ufffd'])).toHaveLength(1);
    },
  );

  it('may deliver twice, and out of order [7]', () => {
    const { queue } = start({ duplicated: 0.2, reorders: true });
    for (let number = 0; number < 100; number += 1) queue.send([String(number)]);
    const bodies: string[] = [];
    for (let count = -1; count !== 0; ) {
      const received = queue.receive();
      count = received.length;
      bodies.push(...received.map(({ body }) => body));
    }
    expect(new Set(bodies).size).toBe(100);
    expect(bodies.length).toBeGreaterThan(100);
    expect(bodies.slice(0, 100)).not.toEqual(bodies.slice(0, 100).toSorted());
  });

  it('deletes by the newest receipt only, and says nothing about an older one', async () => {
    const { queue, pass } = start({ visibilityTimeoutMs: SECOND });
    queue.send(['work']);
    const [first] = queue.receive();
    await pass(SECOND);
    const [second] = queue.receive();
    queue.delete([first?.receipt ?? '']);
    expect(queue.size).toBe(1);
    queue.delete([second?.receipt ?? '']);
    expect(queue.size).toBe(0);
  });

  it('counts every call, an empty receive too', () => {
    const { queue } = start();
    queue.receive();
    queue.send(['a', 'b']);
    const receipts = queue.receive().map(({ receipt }) => receipt);
    queue.delete(receipts);
    expect(queue.calls).toEqual({ send: 1, receive: 2, delete: 1, changeVisibility: 0 });
  });
});

describe('the dead-letter queue', () => {
  it('gets what was received too often, at the next receive, with the instant it was first sent [9, 10]', async () => {
    const { queue, dead, pass, clock } = start({ visibilityTimeoutMs: SECOND });
    const sentAtMs = clock.nowMs();
    queue.send(['poison']);
    for (let receive = 1; receive <= 5; receive += 1) {
      expect(queue.receive()[0]?.receiveCount).toBe(receive);
      await pass(SECOND);
      expect(dead.size).toBe(0);
    }
    expect(queue.receive()).toEqual([]);
    expect(queue.buried).toBe(1);
    expect(dead.receive()[0]).toMatchObject({ body: 'poison', sentAtMs });
  });

  it('forgets by the original instant, so that a late burial is a short one [9]', async () => {
    const { queue, dead, pass } = start({ visibilityTimeoutMs: 3 * HOUR });
    queue.send(['poison']);
    for (let receive = 1; receive <= 6; receive += 1) {
      queue.receive();
      await pass(3 * HOUR);
    }
    expect(dead.size).toBe(1);
    await pass(DAY - 18 * HOUR);
    expect(dead.size).toBe(0);
    expect(dead.expired).toBe(1);
  });

  it('is redriven as new messages [11]', async () => {
    const { queue, dead, pass } = start({ visibilityTimeoutMs: SECOND });
    queue.send(['poison']);
    for (let receive = 1; receive <= 6; receive += 1) {
      queue.receive();
      await pass(SECOND);
    }
    expect(dead.redriveTo(queue)).toBe(1);
    expect(queue.receive()[0]).toMatchObject({ body: 'poison', receiveCount: 1 });
  });
});

function start(settings: Partial<QueueSettings> = {}) {
  const clock = new FakeClock();
  const random = createSeededRandom(3);
  const dead = new QueueModel(
    { name: 'dead', visibilityTimeoutMs: SECOND, retentionMs: DAY },
    clock,
    random,
  );
  const queue = new QueueModel(
    {
      name: 'work',
      visibilityTimeoutMs: 30 * SECOND,
      redrive: { target: dead, maxReceiveCount: 5 },
      ...settings,
    },
    clock,
    random,
  );
  const pass = (ms: number) => clock.runUntil(clock.sleep(ms));
  return { queue, dead, clock, pass };
}
