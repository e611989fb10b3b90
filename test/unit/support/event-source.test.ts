/**
 * The event-source model against the rules of Lambda; numbers are rows of the facts on
 * reliability, section 1.
 */

import type { SQSEvent } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import {
  EventSource,
  type EventSourceSettings,
  MOST_EVENT_BYTES,
} from '../../support/event-source.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FunctionModel, type FunctionSettings } from '../../support/function-model.ts';
import { QueueModel } from '../../support/queue-model.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const LONG_VISIBILITY = { visibilityTimeoutMs: 6 * MINUTE };

describe('a batch', () => {
  it('is delivered once it is full', async () => {
    const lambda = start({ batchSize: 100, windowMs: 300 * SECOND }, LONG_VISIBILITY);
    lambda.send(250);
    await lambda.pass(SECOND);
    expect(lambda.sizes()).toEqual([100, 100]);
    await lambda.pass(5 * MINUTE);
    expect(lambda.sizes()).toEqual([100, 100, 50]);
    expect(lambda.queue.size).toBe(0);
  });

  it('is delivered when its window ends, counted from its first message [14]', async () => {
    const lambda = start({ batchSize: 10_000, windowMs: 20 * SECOND });
    await lambda.pass(MINUTE);
    lambda.send(3);
    await lambda.pass(19 * SECOND);
    lambda.send(4);
    await lambda.pass(SECOND);
    expect(lambda.source.deliveries).toMatchObject([{ records: 7, gatheredMs: 20 * SECOND }]);
  });

  it('comes twice where the window outlasts the visibility timeout [17]', async () => {
    const lambda = start({ batchSize: 100, windowMs: 40 * SECOND });
    lambda.send(10);
    await lambda.pass(41 * SECOND);
    expect(lambda.sizes()).toEqual([20]);
    expect(new Set(lambda.bodiesSeen()).size).toBe(10);
  });

  it('is delivered at once without a window', async () => {
    const lambda = start({ batchSize: 10, windowMs: 0 });
    lambda.send(1);
    await lambda.pass(1);
    expect(lambda.source.deliveries).toMatchObject([{ records: 1, gatheredMs: 0 }]);
  });

  it('is cut at 6 MB, envelopes included: 10,000 messages never fit [12, 13]', async () => {
    const lambda = start({ batchSize: 10_000, windowMs: 60 * SECOND }, LONG_VISIBILITY);
    const body = 'x'.repeat(140);
    for (let sent = 0; sent < 10_000; sent += 10) lambda.queue.send(Array(10).fill(body));
    await lambda.pass(2 * MINUTE);
    const [first, second] = lambda.source.deliveries;
    expect(first?.bytes).toBeLessThanOrEqual(MOST_EVENT_BYTES);
    expect(first?.bytes).toBeGreaterThan(MOST_EVENT_BYTES - 2_000);
    expect(first?.records).toBeGreaterThan(6_000);
    expect(first?.records).toBeLessThan(9_000);
    expect((first?.records ?? 0) + (second?.records ?? 0)).toBe(10_000);
    // The envelope alone is some 0.6 to 0.8 KB.
    const envelope = (first?.bytes ?? 0) / (first?.records ?? 1) - body.length;
    expect(envelope).toBeGreaterThan(600);
    expect(envelope).toBeLessThan(800);
  });

  it('is asked of the queue ten at a time, and deleted ten at a time', async () => {
    const lambda = start({ batchSize: 100, windowMs: SECOND });
    lambda.send(100);
    await lambda.pass(SECOND);
    expect(lambda.queue.calls).toMatchObject({ delete: 10 });
    expect(lambda.queue.calls.receive).toBeLessThanOrEqual(12);
  });

  it('may be gathered by several pollers at once, each with a window of its own', async () => {
    const lambda = start({ batchSize: 1_000, windowMs: 10 * SECOND, pollers: 5 });
    await lambda.pass(SECOND);
    for (let second = 0; second < 10; second += 1) {
      lambda.send(10);
      await lambda.pass(SECOND);
    }
    await lambda.pass(MINUTE);
    expect(lambda.sizes().length).toBeGreaterThan(1);
    expect(lambda.sizes().reduce((sum, size) => sum + size)).toBe(100);
  });
});

describe('settings', () => {
  it.each([
    [{ batchSize: 10_001, windowMs: SECOND }, '10000'],
    [{ batchSize: 11, windowMs: 999 }, 'window'],
    [{ windowMs: 300_001 }, '300000'],
    [{ maximumConcurrency: 1 }, '2 to 1000'],
    [{ maximumConcurrency: 1_001 }, '2 to 1000'],
  ])('%o are refused [12, 14, 15]', (settings, words) => {
    expect(() => start(settings)).toThrow(words);
  });

  it('need a visibility timeout no shorter than the timeout of the function [17]', () => {
    expect(() => start({}, { timeoutMs: 31 * SECOND })).toThrow('visibility');
    expect(() => start({}, { timeoutMs: 901 * SECOND })).toThrow('900000');
  });
});

describe('concurrency', () => {
  it('stays below its maximum, and what waits meanwhile is not received [9, 15]', async () => {
    const lambda = start(
      { batchSize: 1, windowMs: 0, maximumConcurrency: 2, pollers: 100 },
      { handler: (_, clock) => clock.sleep(10 * SECOND) },
    );
    lambda.send(20);
    await lambda.pass(5 * SECOND);
    expect(lambda.queue.inFlight).toBe(2);
    await lambda.pass(5 * MINUTE);
    expect(lambda.target.peakConcurrency).toBe(2);
    expect(lambda.queue.redelivered).toBe(0);
    expect(lambda.queue.size).toBe(0);
  });

  it('refused by the function burns receive counts into the dead-letter queue [9]', async () => {
    const lambda = start({ batchSize: 10, windowMs: 0 }, { isThrottled: () => true });
    lambda.send(10);
    await lambda.pass(10 * MINUTE);
    expect(lambda.target.outcomes.throttled).toBeGreaterThan(0);
    expect(lambda.target.coldStarts).toBe(0);
    expect(lambda.dead.size).toBe(10);
  });
});

describe('what the handler returns', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an object without failures', {}],
    ['no failures', { batchItemFailures: [] }],
    ['null for failures', { batchItemFailures: null }],
  ])('%s deletes the whole batch [19]', async (_, value) => {
    const lambda = start({}, { handler: () => value });
    lambda.send(10);
    await lambda.pass(MINUTE);
    expect(lambda.queue.size).toBe(0);
    expect(lambda.dead.size).toBe(0);
  });

  it('keeps the failed messages alone, to be received again', async () => {
    const poison = 'm3';
    const lambda = start(
      {},
      {
        handler: ({ Records }) => ({
          batchItemFailures: Records.filter(({ body }) => body === poison).map(({ messageId }) => ({
            itemIdentifier: messageId,
          })),
        }),
      },
    );
    lambda.send(10);
    await lambda.pass(SECOND);
    expect(lambda.queue.size).toBe(1);
    await lambda.pass(10 * MINUTE);
    expect(lambda.bodiesSeen()).toHaveLength(9 + 5);
    expect(lambda.dead.receive()).toMatchObject([{ body: poison }]);
  });

  it.each([
    ['an unknown identifier', { batchItemFailures: [{ itemIdentifier: 'foreign' }] }],
    ['an empty identifier', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['no identifier', { batchItemFailures: [{ itemIdentifier: null }] }],
    ['another key', { batchItemFailures: [{ id: 'x' }] }],
  ])('%s fails the whole batch [19]', async (_, value) => {
    const lambda = start({}, { handler: () => value });
    lambda.send(10);
    await lambda.pass(SECOND);
    expect(lambda.queue.size).toBe(10);
  });

  it('means nothing unless partial responses are turned on [19]', async () => {
    const lambda = start(
      { reportsBatchItemFailures: false },
      { handler: () => ({ batchItemFailures: [{ itemIdentifier: 'foreign' }] }) },
    );
    lambda.send(10);
    await lambda.pass(SECOND);
    expect(lambda.queue.size).toBe(0);
  });
});

describe('a handler that does not finish', () => {
  it('fails the whole batch by throwing; it returns with the visibility timeout', async () => {
    let isBroken = true;
    const lambda = start(
      {},
      {
        handler: () => {
          if (isBroken) throw new Error('broken');
        },
      },
    );
    lambda.send(10);
    await lambda.pass(29 * SECOND);
    isBroken = false;
    expect(lambda.queue.size).toBe(10);
    await lambda.pass(SECOND);
    expect(lambda.queue.size).toBe(0);
    expect(lambda.queue.peakReceiveCount).toBe(2);
    expect(lambda.target.coldStarts).toBe(1);
  });

  it('is killed at its timeout, and none of its later effects happen [21]', async () => {
    const effects: string[] = [];
    const lambda = start(
      {},
      {
        timeoutMs: 10 * SECOND,
        handler: async (_, clock) => {
          effects.push('began');
          await clock.sleep(11 * SECOND);
          effects.push('ended');
        },
      },
    );
    lambda.send(1);
    await lambda.pass(25 * SECOND);
    expect(effects).toEqual(['began']);
    expect(lambda.target.outcomes.timed_out).toBe(1);
    await lambda.pass(10 * SECOND);
    expect(lambda.target.coldStarts).toBe(2);
  });

  it('is killed in its midst, and its messages come back', async () => {
    const lambda = start(
      {},
      {
        handler: (_, clock) => clock.sleep(5 * SECOND),
        onInvoke: (life, invocation) => {
          if (invocation === 1) life.endAtCall(1);
        },
      },
    );
    lambda.send(10);
    await lambda.pass(29 * SECOND);
    expect(lambda.queue.size).toBe(10);
    await lambda.pass(30 * SECOND);
    expect(lambda.target.outcomes).toMatchObject({ killed: 1, returned: 1 });
    expect(lambda.queue.size).toBe(0);
  });
});

it('gives the handler what Lambda gives: records as strings, the time that is left', async () => {
  const seen: unknown[] = [];
  const lambda = start(
    {},
    {
      handler: ({ Records: [record] }, clock, context) => {
        seen.push({ ...record, remaining: context.getRemainingTimeInMillis() });
        return clock.sleep(1);
      },
    },
  );
  lambda.send(1);
  await lambda.pass(SECOND);
  expect(seen).toMatchObject([
    {
      body: 'm0',
      eventSource: 'aws:sqs',
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1700000000000' },
      remaining: 30 * SECOND,
    },
  ]);
});

function start(
  settings: Partial<EventSourceSettings> = {},
  behaviour: Partial<Omit<FunctionSettings<SQSEvent>, 'start'>> & {
    visibilityTimeoutMs?: number;
    handler?: (
      event: SQSEvent,
      clock: FakeClock,
      context: { getRemainingTimeInMillis(): number },
    ) => unknown;
  } = {},
) {
  const clock = new FakeClock();
  const random = createSeededRandom(5);
  const dead = new QueueModel({ name: 'dead', visibilityTimeoutMs: SECOND }, clock, random);
  const queue = new QueueModel(
    {
      name: 'work',
      visibilityTimeoutMs: behaviour.visibilityTimeoutMs ?? 30 * SECOND,
      redrive: { target: dead, maxReceiveCount: 5 },
    },
    clock,
    random,
  );
  const events: SQSEvent[] = [];
  const { handler = () => undefined, ...rest } = behaviour;
  const target = new FunctionModel<SQSEvent>(
    {
      timeoutMs: 30 * SECOND,
      ...rest,
      start: (life) => {
        const seenClock = life.guard(clock);
        return (event, context) => {
          events.push(event);
          return handler(event, seenClock, context);
        };
      },
    },
    clock,
  );
  const source = new EventSource(
    {
      batchSize: 10,
      windowMs: 0,
      maximumConcurrency: 10,
      reportsBatchItemFailures: true,
      pollers: 1,
      ...settings,
    },
    { queue, target },
    { clock, random },
  );
  void source.run();
  let sent = 0;
  return {
    clock,
    queue,
    dead,
    target,
    source,
    // A moment more, for what is due at the very instant.
    pass: (ms: number) => clock.runUntil(clock.sleep(ms + 1)),
    send(count: number) {
      for (let left = count; left > 0; left -= 10) {
        const bodies = Array.from({ length: Math.min(10, left) }, (_, index) => `m${sent + index}`);
        queue.send(bodies);
        sent += bodies.length;
      }
    },
    sizes: () => source.deliveries.map(({ records }) => records),
    bodiesSeen: () => events.flatMap(({ Records }) => Records.map(({ body }) => body)),
  };
}
