import { describe, expect, it } from 'vitest';
import { runPlanned, type TimedRequest } from '../../support/planned-world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const COUNT = 100;
const ANSWER_MS = 900;

const within = (windowMs: number, over: Partial<TimedRequest> = {}): TimedRequest[] =>
  Array.from({ length: COUNT }, () => ({
    createdAtMs: 0,
    deadlineAtMs: windowMs,
    maxOutputTokens: 200,
    ...over,
  }));

/** Batches never end by themselves, and have done a quarter of their rows after twelve hours. */
const NEVER = { turnaroundMs: () => Number.POSITIVE_INFINITY, cancelMs: () => 20_000 };

const run = (over: Partial<Parameters<typeof runPlanned>[0]>) =>
  runPlanned({
    requests: within(12 * HOUR_MS),
    lanes: ['live', 'flex', 'native'],
    tickMs: MINUTE_MS,
    batches: NEVER,
    calls: { answerMs: () => ANSWER_MS },
    ...over,
  });

function tell({ requests }: Awaited<ReturnType<typeof runPlanned>>) {
  const bills = { live: 0, flex: 0, native: 0 };
  for (const lane of requests.flatMap((one) => one.bills)) bills[lane] += 1;
  return {
    bills,
    once: requests.every((one) => one.bills.length === 1),
    inTime: requests.every(
      ({ outcome, finishedAtMs, request }) =>
        outcome.status === 'succeeded' && finishedAtMs <= (request.deadlineAtMs ?? 0),
    ),
  };
}

describe('escalation', () => {
  it('leaves a batch that does not end for flex, in time, each request billed once', async () => {
    const done = await run({});
    const { bills, ...rest } = tell(done);
    expect(rest).toEqual({ once: true, inTime: true });
    expect(bills.native).toBeGreaterThan(0);
    expect(bills).toEqual({ native: bills.native, flex: COUNT - bills.native, live: 0 });
    expect(done.cancelled.late).toBe(1);
  });

  it('goes on to live where flex has no room, after one refusal for each', async () => {
    const done = await run({ calls: { answerMs: () => ANSWER_MS, refusesFlex: () => true } });
    const { bills, ...rest } = tell(done);
    expect(rest).toEqual({ once: true, inTime: true });
    expect(bills).toEqual({ native: bills.native, flex: 0, live: COUNT - bills.native });
    expect(done.calls.flexRefused).toBe(COUNT - bills.native);
  });

  it('gives a flex call up that does not come back, and answers live before the deadline', async () => {
    const answerMs = (_: number, lane: string) => (lane === 'flex' ? HOUR_MS : ANSWER_MS);
    const done = await run({ calls: { answerMs } });
    const { bills, ...rest } = tell(done);
    expect(rest).toEqual({ once: true, inTime: true });
    expect(bills).toEqual({ native: bills.native, flex: 0, live: COUNT - bills.native });
    expect(done.calls.flex).toBeLessThanOrEqual(2 * COUNT);
  });

  it('keeps time for the sweeper to find what a batch handed back', async () => {
    for (const windowMs of [20 * MINUTE_MS, 50 * MINUTE_MS, 3 * HOUR_MS]) {
      const done = await run({
        requests: within(windowMs),
        lanes: ['live', 'native'],
        handOverMs: 45_000,
        batches: { ...NEVER, cancelMs: () => 9 * MINUTE_MS },
      });
      expect(tell(done).inTime).toBe(true);
      expect(done.jobs.length).toBeGreaterThan(0);
    }
  });

  it('tries a new batch after one that expired with time to spare, and no lane in vain', async () => {
    const done = await run({
      requests: within(40 * HOUR_MS),
      batches: {
        ...NEVER,
        turnaroundMs: ({ createdAtMs }) =>
          createdAtMs < HOUR_MS ? Number.POSITIVE_INFINITY : 10 * MINUTE_MS,
      },
    });
    expect(tell(done)).toEqual({
      bills: { native: COUNT, flex: 0, live: 0 },
      once: true,
      inTime: true,
    });
    expect(done.jobs.map(({ end }) => end)).toEqual(['expired', 'completed']);
  });

  it('runs rows by calls whose batch takes too long to be cancelled, and reports them', async () => {
    const done = await run({ batches: { ...NEVER, cancelMs: () => 10 * HOUR_MS } });
    const { bills, inTime } = tell(done);
    expect(inTime).toBe(true);
    const twice = done.requests.filter((one) => one.bills.length > 1).length;
    expect(bills.native).toBe(twice);
    expect(done.jobs.map(({ released }) => released)).toEqual([COUNT]);
    expect(done.logged.get('Rows are run by calls while their batch still ends')).toBe(1);
  });

  it('keeps a lane that was asked for, whatever it means for the deadline', async () => {
    const done = await run({
      requests: within(2 * HOUR_MS, { lane: 'native' }),
      batches: { ...NEVER, turnaroundMs: () => 5 * HOUR_MS },
    });
    expect(done.jobs.map(({ end }) => end)).toEqual(['completed']);
    expect(tell(done).bills).toEqual({ native: COUNT, flex: 0, live: 0 });
  });
});
