import { afterEach, describe, expect, it } from 'vitest';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import type { NativeDeps } from '../../../../shared/usecases/native/native-deps.ts';
import { lessonOf } from '../../../../shared/usecases/native/review-native-jobs.ts';
import { createNativeWorld, type NativeWorld } from '../../../support/native-world.ts';

const MODEL = 'claude-sonnet-4-5';
/** Claude Sonnet 4.5. Unit: micro-dollars per million tokens. */
const PRICE = modelPrice({
  input: 3_000_000,
  output: 15_000_000,
  cachedInput: 300_000,
  cacheWrite5m: 3_750_000,
  cacheWrite1h: 6_000_000,
  nativePerMille: 500,
});
const ROWS = 2_000;
const OPENING_TOKENS = 2_000;
const TURNAROUND = { turnaround: { minMs: 600_000, maxMs: 600_000 } };

let world: NativeWorld;
afterEach(() => world.close());

/** Four characters are a token to the simulator. */
function opening(seed: string): string {
  return `${seed} ${'Answer as a clerk of the town hall would. '.repeat(300)}`.slice(
    0,
    4 * OPENING_TOKENS,
  );
}

function createPrimedWorld(simulator: object = {}, deps: Partial<NativeDeps> = {}) {
  world = createNativeWorld({
    dialect: 'anthropic',
    model: MODEL,
    price: PRICE,
    simulator: { batches: TURNAROUND, ...simulator },
    deps,
  });
  return world;
}

/** A request with that system prompt, and a question of its own. */
function asking(system: unknown, more: object = {}) {
  return (id: string) => ({
    model: MODEL,
    max_tokens: 16,
    ...(system === null ? {} : { system }),
    messages: [{ role: 'user', content: `[id:${id}] May I build a shed?` }],
    ...more,
  });
}

const spent = () => world.published.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
const sumOf = (read: (usage: NativeWorld['published'][0]['usage']) => number) =>
  world.published.reduce((sum, { usage }) => sum + read(usage), 0);

describe('rows that share an opening', () => {
  it('run one ahead, and read it from the cache: they cost what arithmetic says', async () => {
    createPrimedWorld();
    await world.accept(ROWS, () => ({ inputTokens: 2_010 }), asking(opening('A')));
    await world.run();
    expect(world.settled.map(({ rowCount }) => rowCount)).toEqual([1, ROWS - 1]);
    expect(world.published).toHaveLength(ROWS);
    // How long a batch of one row took says little of others.
    expect(world.settled.map((job) => lessonOf(job)?.isCompleted)).toEqual([undefined, true]);
    expect(world.simulator.stats().batches).toMatchObject({ created: 2, rows: { billed: ROWS } });
    expect(sumOf(({ cacheWrite1hTokens }) => cacheWrite1hTokens)).toBe(OPENING_TOKENS);
    expect(sumOf(({ cachedInputTokens }) => cachedInputTokens)).toBe((ROWS - 1) * OPENING_TOKENS);
    // Half the list price: written once at $3.00 a million, read at $0.15, instead of $1.50.
    const primed = (OPENING_TOKENS * 3_000_000 + (ROWS - 1) * OPENING_TOKENS * 150_000) / 1e6;
    const plain = (ROWS * OPENING_TOKENS * 1_500_000) / 1e6;
    const rest =
      (sumOf(({ inputTokens }) => inputTokens) * 1_500_000 +
        sumOf(({ outputTokens }) => outputTokens) * 7_500_000) /
      1e6;
    expect(Math.abs(spent() - primed - rest)).toBeLessThan(ROWS);
    const saved = world.settled.reduce((sum, job) => sum + job.savedMicroUsd, 0);
    expect(Math.abs(saved - (plain - primed))).toBeLessThan(2);
    expect(saved).toBeGreaterThan(5_000_000);
    expect(await world.stores.nativeJobs.savedMicroUsd()).toBe(saved);
  });

  it('of several openings run one of each ahead, in one batch', async () => {
    createPrimedWorld();
    const kinds = ['A', 'B', 'C'].map((seed) => asking(opening(seed)));
    const bodyAt = (id: string, index: number) => kinds[index % 3]?.(id) ?? {};
    await world.accept(300, () => ({ inputTokens: 2_010 }), bodyAt);
    await world.run();
    expect(world.settled.map(({ rowCount }) => rowCount)).toEqual([3, 297]);
    expect(sumOf(({ cachedInputTokens }) => cachedInputTokens)).toBe(297 * OPENING_TOKENS);
  });

  it('do not wait longer than they have time', async () => {
    createPrimedWorld({
      batches: { script: [{ outcome: 'stuck' }, { outcome: 'completed', turnaroundMs: 60_000 }] },
    });
    const deadlineAtMs = world.clock.now + 8 * 3_600_000;
    const terms = { lane: null, inputTokens: 2_010, deadlineAtMs };
    await world.accept(100, () => terms, asking(opening('A')));
    await world.runUntil(world.clock.now + 40 * 60_000);
    expect(world.settled).toMatchObject([{ rowCount: 99, end: 'completed' }]);
    expect(world.published).toHaveLength(99);
  });

  it('are sent at once where there is no time for a stub', async () => {
    createPrimedWorld({}, { planRoute: () => 'native' });
    const terms = { lane: null, inputTokens: 2_010, deadlineAtMs: world.clock.now + 3_600_000 };
    await world.accept(100, () => terms, asking(opening('A')));
    await world.run();
    expect(world.settled).toMatchObject([{ rowCount: 100, priming: null }]);
  });
});

describe('rows that are left as they are', () => {
  it.each([
    { title: 'that share nothing', bodyAt: asking(null) },
    { title: 'whose opening is short', bodyAt: asking('Be brief.') },
    {
      title: 'whose openings differ behind their beginning',
      bodyAt: (id: string) => asking(`${opening('A')} ${id}`)(id),
    },
    {
      title: 'marked by their caller',
      bodyAt: asking([{ type: 'text', text: opening('A'), cache_control: { type: 'ephemeral' } }]),
    },
  ])('$title', async ({ bodyAt }) => {
    createPrimedWorld();
    const specs = await world.accept(200, () => ({ inputTokens: 2_010 }), bodyAt);
    await world.run();
    expect(world.settled).toMatchObject([{ rowCount: 200, priming: null, savedMicroUsd: 0 }]);
    expect(sumOf(({ cacheWrite1hTokens }) => cacheWrite1hTokens)).toBe(0);
    expect(specs).toHaveLength(200);
  });

  it('one without the opening among many with it', async () => {
    createPrimedWorld();
    const like = opening('A');
    const other = `${like.slice(0, 5_000)}${'x'.repeat(3_000)}`;
    const bodyAt = (id: string, index: number) => asking(index === 77 ? other : like)(id);
    await world.accept(200, () => ({ inputTokens: 2_010 }), bodyAt);
    await world.run();
    expect(sumOf(({ cachedInputTokens }) => cachedInputTokens)).toBe(198 * OPENING_TOKENS);
    expect(sumOf(({ cacheWrite1hTokens }) => cacheWrite1hTokens)).toBe(OPENING_TOKENS);
  });
});
