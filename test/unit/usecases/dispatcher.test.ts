import { describe, expect, it } from 'vitest';
import type { ProviderOutcome } from '../../../shared/domain/capacity/provider-outcome.ts';
import { ERROR_DISPOSITIONS } from '../../../shared/domain/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { failure } from '../../support/virtual-provider.ts';
import {
  modelSettings,
  runVirtually,
  type VirtualRequest,
  type VirtualSetUp,
  workload,
} from '../../support/virtual-run.ts';

const RATED = modelSettings({ perMinute: { requests: 6_000, totalTokens: 8_000_000 } });
const UNLIMITED = modelSettings({ perMinute: {}, concurrency: 20 });
const ROOMY = { requestsPerMinute: 60_000, tokensPerMinute: 80_000_000 };

function run(requests: readonly VirtualRequest[], setUp: Partial<VirtualSetUp> = {}) {
  return runVirtually({ requests, settings: UNLIMITED, provider: { limits: ROOMY }, ...setUp });
}

type Run = Awaited<ReturnType<typeof run>>;

function codes({ published }: Run): (string | null)[] {
  return [...new Set(published.map(({ outcome }) => outcome.errorCode))];
}

/** Answers the first `times` calls of each request with the failure. */
function failingFirst(times: number, outcome: ProviderOutcome) {
  const seen = new Map<string, number>();
  return ({ requestId }: { readonly requestId: string }): ProviderOutcome | null => {
    const count = (seen.get(requestId) ?? 0) + 1;
    seen.set(requestId, count);
    return count <= times ? outcome : null;
  };
}

describe('answers', () => {
  it('publishes every request once, with its own answer', async () => {
    const { published, books, reports } = await run(workload(500));
    expect(reports).toEqual([{ reason: 'drained', stops: [] }]);
    expect(new Set(published.map(({ outcome }) => outcome.id)).size).toBe(500);
    expect(books.served).toBe(500);
    for (const { outcome, customId, line } of published) {
      const parsed = JSON.parse(Buffer.from(line).toString());
      expect(parsed.response.body.answer).toBe(outcome.id);
      expect(parsed.custom_id).toBe(customId);
    }
  });

  it('keeps to the concurrency declared', async () => {
    const { books } = await run(workload(300), {
      settings: modelSettings({ perMinute: {}, concurrency: 7 }),
    });
    expect(books.peakInFlight).toBe(7);
  });

  it('keeps every slot busy', async () => {
    const { elapsedMs } = await run(workload(400), {
      settings: modelSettings({ perMinute: { requests: 60_000 }, concurrency: 20 }),
      provider: { limits: ROOMY, latencyP50Ms: 200, latencyP95Ms: 201 },
    });
    // Twenty at a time, 200 ms each: twenty rounds take four seconds.
    expect(elapsedMs).toBeLessThan(4_600);
  });

  it('bets few calls on a provider that has not answered yet', async () => {
    const { books } = await run(workload(1_000), {
      settings: modelSettings({ perMinute: { requests: 600_000 } }),
      provider: { limits: ROOMY, fault: () => failure('provider_auth_failed', 401) },
    });
    expect(books.sent).toBeLessThanOrEqual(64);
  });

  it('learns the concurrency a provider bears from its refusals', async () => {
    const { books } = await run(workload(2_000), {
      settings: modelSettings({ perMinute: {}, concurrency: 60 }),
      provider: { limits: { concurrency: 25 }, hasHeaders: false },
    });
    expect(books.served).toBe(2_000);
    expect(books.refused).toBeLessThan(300);
  });
});

describe('failures', () => {
  it.each(['provider_error', 'provider_timeout', 'provider_malformed'] as const)(
    'tries again after %s',
    async (code) => {
      const done = await run(workload(50), {
        provider: { limits: ROOMY, fault: failingFirst(2, failure(code, 500)) },
      });
      expect(codes(done)).toEqual([null]);
      expect(done.published.every(({ outcome }) => outcome.attempts === 3)).toBe(true);
    },
  );

  it('gives up after five attempts, and says why', async () => {
    const done = await run(workload(3), {
      provider: { limits: ROOMY, fault: failingFirst(99, failure('provider_error', 500)) },
    });
    expect(codes(done)).toEqual(['provider_error']);
    expect(done.published.map(({ outcome }) => outcome.attempts)).toEqual([5, 5, 5]);
  });

  it.each(
    Object.entries(ERROR_DISPOSITIONS).filter(([, disposition]) => disposition === 'give_up'),
  )('never repeats a call that ended with %s', async (code) => {
    const { books, published } = await run(workload(2), {
      provider: {
        limits: ROOMY,
        fault: failingFirst(99, failure(code as keyof typeof ERROR_DISPOSITIONS, 400)),
      },
    });
    expect(books.sent).toBe(2);
    expect(published).toHaveLength(2);
  });

  it('counts no attempt for a refusal, and sends nothing while told to wait', async () => {
    const refusal = {
      ...failure('provider_throttled', 429),
      signals: { windows: {}, retryAfterMs: 5_000 },
    };
    const clock = new FakeClock();
    const startedAtMs = clock.nowMs();
    const done = await run(workload(5), {
      settings: RATED,
      provider: {
        limits: ROOMY,
        fault: (_, count) => (count === 1 ? refusal : null),
      },
    });
    expect(codes(done)).toEqual([null]);
    expect(done.published.every(({ outcome }) => outcome.attempts === 1)).toBe(true);
    const late = done.published.filter(
      ({ outcome }) => (outcome.firstAttemptAtMs ?? 0) > startedAtMs + 100,
    );
    for (const { outcome } of late) {
      expect(outcome.firstAttemptAtMs).toBeGreaterThanOrEqual(startedAtMs + 5_000);
    }
    expect(done.elapsedMs).toBeGreaterThanOrEqual(5_000);
  });

  it.each(['provider_auth_failed', 'provider_quota_spent'] as const)(
    'stops the provider on %s and holds the work',
    async (code) => {
      const done = await run(workload(200), {
        provider: { limits: ROOMY, fault: (_, count) => (count > 50 ? failure(code, 401) : null) },
      });
      expect(done.reports[0]).toMatchObject({
        reason: 'providers_stopped',
        stops: [{ provider: 'virtual', code }],
      });
      // Calls in flight when the first refusal came may meet it too; no more are sent.
      expect(done.books.sent).toBeLessThanOrEqual(50 + 20);
      const counts = await done.stores.requests.counts('t');
      expect(counts.succeeded).toBe(50);
      expect(counts.queued).toBe(150);
    },
  );

  it('sits out an outage with single probes, and loses nothing', async () => {
    const OUTAGE_CALLS = 40;
    const done = await run(workload(300), {
      provider: {
        limits: ROOMY,
        fault: (_, count) => (count <= OUTAGE_CALLS ? failure('provider_overloaded', 503) : null),
      },
    });
    expect(codes(done)).toEqual([null]);
    expect(done.published).toHaveLength(300);
    expect(done.books.sent).toBe(300 + OUTAGE_CALLS);
    // Twenty in flight meet the outage together; the other twenty are lone probes, ever further apart.
    expect(done.elapsedMs).toBeGreaterThan(60_000);
  });
});

describe('lanes', () => {
  it('falls back to live when the discounted lane has no room', async () => {
    const hour = 3_600_000;
    const requests = workload(10).map((request) => ({
      ...request,
      deadlineAtMs: new FakeClock().nowMs() + hour,
    }));
    const done = await run(requests, {
      settings: modelSettings({ perMinute: {} }, { lanes: ['live', 'flex'] }),
      provider: {
        limits: ROOMY,
        fault: ({ lane }) => (lane === 'flex' ? failure('lane_unavailable', 429) : null),
      },
    });
    expect(codes(done)).toEqual([null]);
    expect(done.published.every(({ outcome }) => outcome.lane === 'live')).toBe(true);
    expect(done.published.every(({ outcome }) => outcome.attempts === 1)).toBe(true);
  });

  it('takes the discounted lane when there is time', async () => {
    const requests = workload(10).map((request) => ({
      ...request,
      deadlineAtMs: new FakeClock().nowMs() + 3_600_000,
    }));
    const done = await run(requests, {
      settings: modelSettings({ perMinute: {} }, { lanes: ['live', 'flex'] }),
    });
    expect(done.published.every(({ outcome }) => outcome.lane === 'flex')).toBe(true);
  });
});

describe('deadlines', () => {
  it('does not start what is too late, and says so in the result', async () => {
    const soon = new FakeClock().nowMs() + 5_000;
    const requests = workload(200).map((request) => ({ ...request, deadlineAtMs: soon }));
    const done = await run(requests, {
      settings: modelSettings({ perMinute: { requests: 600 } }),
    });
    const late = done.published.filter(({ outcome }) => outcome.status === 'expired');
    expect(late.length).toBeGreaterThan(100);
    expect(late.every(({ outcome }) => outcome.errorCode === 'deadline_exceeded')).toBe(true);
    expect(done.published).toHaveLength(200);
    expect(done.books.served).toBe(200 - late.length);
  });
});

describe('shared openings', () => {
  it('sends the first of each ahead, and the rest once it is warm', async () => {
    const requests = workload(2_000).map((request, index) => ({
      ...request,
      prefixKey: index < 1_000 ? 'a' : 'b',
    }));
    const { published } = await run(requests, {
      settings: modelSettings({ perMinute: { requests: 1_200 } }),
    });
    for (const key of ['a', 'b']) {
      const group = published
        .map(({ outcome }) => outcome)
        .filter(({ id }) => Number(id.slice(1)) < 1_000 === (key === 'a'))
        .sort((one, other) => (one.firstAttemptAtMs ?? 0) - (other.firstAttemptAtMs ?? 0));
      const [leader, follower] = group;
      const gapMs = (follower?.firstAttemptAtMs ?? 0) - (leader?.firstAttemptAtMs ?? 0);
      const leaderTookMs = (leader?.finishedAtMs ?? 0) - (leader?.firstAttemptAtMs ?? 0);
      // A followers' wait ends with the leader's answer, or with one per cent of the queue's time.
      expect(gapMs).toBeGreaterThanOrEqual(Math.min(leaderTookMs, 950));
    }
  });
});

describe('a shared opening without a known limit', () => {
  async function gapMs(count: number): Promise<number> {
    const requests = workload(count).map((request) => ({ ...request, prefixKey: 'a' }));
    const { published } = await run(requests, { settings: UNLIMITED });
    const [leader, follower] = published
      .map(({ outcome }) => outcome.firstAttemptAtMs ?? 0)
      .sort((one, other) => one - other);
    return (follower ?? 0) - (leader ?? 0);
  }

  it('is warmed for many, and holds up no handful', async () => {
    expect(await gapMs(100)).toBeGreaterThan(100);
    expect(await gapMs(5)).toBeLessThan(50);
  });
});

describe('stopping', () => {
  it('finishes what is in flight and hands the rest back', async () => {
    let stop = (): void => undefined;
    const done = runVirtually({
      requests: workload(500),
      settings: UNLIMITED,
      provider: {
        limits: ROOMY,
        fault: (_, count) => {
          if (count === 100) stop();
          return null;
        },
      },
      onStart: (dispatchers) => {
        stop = () => dispatchers[0]?.stop();
      },
    });
    const { reports, stores, books } = await done;
    expect(reports).toEqual([{ reason: 'stopped', stops: [] }]);
    const counts = await stores.requests.counts('t');
    expect(books.served).toBe(books.sent);
    expect(counts).toMatchObject({ succeeded: books.sent, queued: 500 - books.sent, running: 0 });
  });
});

describe('a clock set back by an hour', () => {
  it('stops nothing', async () => {
    let setBack = (): void => undefined;
    const { reports, books, elapsedMs } = await runVirtually({
      requests: workload(600),
      settings: RATED,
      provider: {
        limits: { requestsPerMinute: 6_000, tokensPerMinute: 8_000_000 },
        fault: (_, count) => {
          if (count === 300) setBack();
          return null;
        },
      },
      onStart: (_, clock) => {
        setBack = () => clock.setBack(3_600_000);
      },
    });
    expect(reports[0]?.reason).toBe('drained');
    expect(books.served).toBe(600);
    // The wall shows an hour less; the work itself took seconds.
    expect(elapsedMs + 3_600_000).toBeLessThan(60_000);
  });
});
