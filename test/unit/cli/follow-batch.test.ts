import { describe, expect, it } from 'vitest';
import type { Counts } from '../../../cli/api-client/penstock-api.ts';
import type { ProgressSnapshot } from '../../../cli/progress/progress-snapshot.ts';
import { followBatch } from '../../../cli/remote/follow-batch.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };

function follow(script: readonly Partial<Counts>[], held: object[] = []) {
  const clock = new FakeClock();
  const snapshots: ProgressSnapshot[] = [];
  const stop = new AbortController();
  let look = -1;
  const following = clock.runUntil(
    followBatch({
      api: {
        async counts() {
          look = Math.min(look + 1, script.length - 1);
          const counts = { ...NONE, ...script[look] };
          const total = Object.values(counts).reduce((sum: number, one) => sum + Number(one), 0);
          return { object: 'counts', batch: 'b', ...counts, total };
        },
        madeBatch: async () => null,
        usage: async () => [
          {
            ...{ tag: null, model: null, day: null, lane: null, batch: 'b', requests: 1 },
            ...{ succeeded: 1, failed: 0, input_tokens: 1, cached_input_tokens: 0 },
            ...{ output_tokens: 1, cost_micro_usd: 40 },
          },
        ],
        health: async () => ({
          status: 'ok',
          providers_held: held.map((one) => ({ provider: '', code: '', reason: '', ...one })),
        }),
      },
      batch: 'b',
      clock,
      signal: stop.signal,
      onProgress: (snapshot) => {
        snapshots.push(snapshot);
        if (script[look] === undefined) stop.abort();
      },
    }),
  );
  return { following, snapshots, clock, stop };
}

describe('following a batch', () => {
  it('goes on until every request has ended, and tells rate, cost and what is left', async () => {
    const { following, snapshots } = follow([
      { queued: 10 },
      { queued: 6, running: 2, succeeded: 2 },
      { running: 1, succeeded: 7, failed: 2 },
      { succeeded: 8, failed: 1, expired: 1 },
    ]);
    expect(await following).toMatchObject({ succeeded: 8, failed: 1, expired: 1 });
    expect(snapshots.map(({ done }) => done)).toEqual([0, 2, 9, 10]);
    expect(snapshots.at(-1)).toMatchObject({ total: 10, failed: 2, costMicroUsd: 40, etaMs: 0 });
    expect(snapshots[1]?.perSecond).toBeCloseTo(4);
    expect(snapshots[1]).toMatchObject({ inFlight: 2, projectedMicroUsd: 200, throttled: null });
  });

  it('says which provider holds it up', async () => {
    const { following, snapshots } = follow(
      [{ queued: 1 }, { succeeded: 1 }],
      [{ provider: 'openai', reason: 'The key is refused' }],
    );
    await following;
    expect(snapshots[0]?.waitingFor).toBe('openai is held: The key is refused');
  });

  it('asks less and less often, and ends when nobody watches any more', async () => {
    const { following, clock, snapshots, stop } = follow([{ queued: 1 }]);
    const startedAtMs = clock.nowMs();
    await expect.poll(() => clock.nowMs() - startedAtMs).toBeGreaterThan(3_600_000);
    stop.abort();
    expect(await following).toBeNull();
    const hours = (clock.nowMs() - startedAtMs) / 3_600_000;
    expect(snapshots.length / hours).toBeLessThan(800);
  });
});
