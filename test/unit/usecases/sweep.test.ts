import { describe, expect, it } from 'vitest';
import { MemoryProviderHolds } from '../../../shared/adapters/memory/provider-holds.ts';
import type { SliceNotice } from '../../../shared/ports/request-queue.ts';
import type { Backlog } from '../../../shared/ports/request-store.ts';
import { createSweep } from '../../../shared/usecases/sweep.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

const BACKLOG = { route: 'sync', inputTokens: 1, maxOutputTokens: 1, nextDueAtMs: 0 } as const;

interface SetUp {
  readonly idle?: readonly SliceNotice[];
  readonly backlog?: readonly Backlog[];
  readonly unsent?: number;
}

function start({ idle = [], backlog = [], unsent = 0 }: SetUp = {}) {
  const clock = new FakeClock();
  const holds = new MemoryProviderHolds();
  const sent: number[] = [];
  const rung: string[] = [];
  const metrics: Record<string, number> = {};
  const sweep = createSweep({
    slices: {
      take: async () => [],
      repair: async () => 2,
      async *idle() {
        yield* idle;
      },
    },
    work: { backlog: async () => [...backlog] },
    queue: {
      announce: async (notices) => {
        sent.push(notices.length);
        return notices.slice(0, unsent);
      },
    },
    holds,
    batches: { open: async () => [{ tenant: 'a', id: 'batch_1' }] },
    bell: { ring: async (refs) => void rung.push(...refs.map(({ id }) => id)) },
    clock,
    telemetry: {
      count: (metric, value) => {
        metrics[metric] = (metrics[metric] ?? 0) + value;
      },
      log: () => undefined,
    },
  });
  return { clock, holds, sent, rung, metrics, sweep };
}

function slices(model: string, count: number): SliceNotice[] {
  return Array.from({ length: count }, (_, index) => ({
    tenant: 't',
    slice: `${model}.${index}`,
    model,
    priority: 9,
  }));
}

describe('sweeping', () => {
  it('repairs, rings for what is idle, and tells both', async () => {
    const { sweep, clock, sent, metrics } = start({ idle: slices('m', 3), unsent: 1 });
    const report = await sweep({ deadlineMs: clock.nowMs() + HOUR_MS });
    expect(report).toEqual({ repaired: 2, announced: 2, unsent: 1 });
    expect(sent).toEqual([3]);
    expect(metrics).toMatchObject({ SliceRepaired: 2, SliceAnnouncedAgain: 2 });
  });

  it('counts what waits for a native batch, and neither calls it late nor rings on for it', async () => {
    const waiting = { ...BACKLOG, model: 'm', requests: 7, waitingSinceMs: 0 };
    const { sweep, clock, metrics } = start({ backlog: [{ ...waiting, route: 'native' }] });
    const startedAtMs = clock.nowMs();
    await sweep({ deadlineMs: startedAtMs + HOUR_MS });
    expect(clock.nowMs()).toBe(startedAtMs);
    expect(metrics).toMatchObject({ BacklogRequests: 7, QueueAgeSeconds: 0 });
  });

  it('rings for some slices of each model, enough to wake workers who find the rest', async () => {
    const { sweep, clock } = start({ idle: [...slices('a', 5_000), ...slices('b', 7)] });
    const { announced } = await sweep({ deadlineMs: clock.nowMs() + HOUR_MS });
    expect(announced).toBe(107);
  });

  it('stops at its deadline, and still measures', async () => {
    const { sweep, clock, sent, metrics } = start({ idle: slices('a', 50) });
    await sweep({ deadlineMs: clock.nowMs() });
    expect(sent).toEqual([]);
    expect(metrics).toHaveProperty('BacklogRequests');
  });

  it('looks again within its minute while there is a backlog, for what was just handed back', async () => {
    const { sweep, clock, sent } = start({
      idle: slices('a', 20),
      backlog: [{ ...BACKLOG, model: 'a', requests: 1 }],
    });
    const { announced } = await clock.runUntil(sweep({ deadlineMs: clock.nowMs() + 45_000 }));
    expect(sent).toEqual([20, 8, 8, 8, 8]);
    expect(announced).toBe(52);
  });

  it('tells zeros, so that quiet is told from broken', async () => {
    const { sweep, clock, metrics } = start();
    await sweep({ deadlineMs: clock.nowMs() + HOUR_MS });
    expect(metrics).toMatchObject({ BacklogRequests: 0, QueueAgeSeconds: 0, ProviderHeld: 0 });
  });

  it('measures the backlog, the longest wait of what is due, and held providers', async () => {
    const { sweep, clock, holds, metrics } = start({
      backlog: [
        { ...BACKLOG, model: 'a', requests: 5, waitingSinceMs: 1 },
        { ...BACKLOG, model: 'b', requests: 7, waitingSinceMs: Number.MAX_SAFE_INTEGER },
      ],
    });
    const now = clock.nowMs();
    await holds.hold({
      provider: 'p',
      code: 'provider_auth_failed',
      message: 'no',
      heldAtMs: now,
      reviewAtMs: now + 1,
    });
    await sweep({ deadlineMs: now });
    expect(metrics).toMatchObject({
      BacklogRequests: 12,
      QueueAgeSeconds: Math.round((now - 1) / 1_000),
      ProviderHeld: 1,
    });
  });

  it('wakes whoever moves batches on for each that has not ended', async () => {
    const { sweep, clock, rung } = start();
    await sweep({ deadlineMs: clock.nowMs() + 1_000 });
    expect(rung).toEqual(['batch_1']);
  });
});
