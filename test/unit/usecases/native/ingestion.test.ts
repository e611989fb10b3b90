import { afterEach, describe, expect, it } from 'vitest';
import type { NativeBatchProvider } from '../../../../shared/ports/native-batch-provider.ts';
import { createTickNative } from '../../../../shared/usecases/native/tick-native.ts';
import { createNativeWorld, type NativeWorld, NEVER } from '../../../support/native-world.ts';

const ROWS = 1_100;
const FOREVER = new Promise<never>(() => undefined);
/** Around each checkpoint, the ends, and some in between. */
const KILLED_AT = [1, 2, 137, 499, 500, 501, 502, 777, 999, 1_000, 1_001, 1_099, 1_100];

let world: NativeWorld;
afterEach(() => world.close());

/** A provider whose process is killed when so many rows of its results have been read. */
function killedAt(provider: NativeBatchProvider, row: number, die: () => void) {
  let read = 0;
  return new Proxy(provider, {
    get(_, name) {
      if (name === 'rows') {
        return async function* (...args: Parameters<NativeBatchProvider['rows']>) {
          for await (const line of provider.rows(...args)) {
            read += 1;
            if (read === row) {
              die();
              await FOREVER;
            }
            yield line;
          }
        };
      }
      const member: unknown = Reflect.get(provider, name, provider);
      return typeof member === 'function' ? member.bind(provider) : member;
    },
  });
}

/** Ticks until the process is killed. */
async function untilKilled(row: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<'killed'>();
  const provider = killedAt(world.provider, row, () => resolve('killed'));
  const tick = createTickNative({ ...world.deps, providers: new Map([['p', provider]]) });
  for (;;) {
    const terms = { deadlineMs: Number.POSITIVE_INFINITY, signal: NEVER };
    if ((await Promise.race([tick(terms), promise])) === 'killed') return;
    world.clock.now = Math.max(world.clock.now + 60_000, (await world.nextDueMs()) ?? 0);
  }
}

const RESULTS = {
  turnaround: { minMs: 600_000, maxMs: 600_000 },
  rows: { order: 'completion', duplicateShare: 0.1, foreign: 5, malformed: 5 },
} as const;

describe('taking in results', () => {
  it.each(KILLED_AT)(
    'goes on when it was killed at row %i, and counts every row once',
    async (row) => {
      world = createNativeWorld({ simulator: { batches: RESULTS } });
      await world.accept(ROWS);
      await untilKilled(row);
      await world.run();
      const ids = world.published.map(({ id }) => id);
      expect(ids).toHaveLength(ROWS);
      expect(new Set(ids).size).toBe(ROWS);
      const [job] = world.settled;
      expect(job?.checkpoint.tally).toMatchObject({ succeeded: ROWS, failed: 0, foreign: 5 });
      expect(world.simulator.stats().batches).toMatchObject({ created: 1 });
    },
  );

  it('goes on through one kill after another', async () => {
    world = createNativeWorld({ simulator: { batches: RESULTS } });
    await world.accept(ROWS);
    for (const row of [3, 400, 700, 900, 1_050, 1_190]) await untilKilled(row);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
    expect(new Set(world.published.map(({ id }) => id)).size).toBe(ROWS);
    expect(world.settled[0]?.checkpoint.tally.succeeded).toBe(ROWS);
  });

  it('is left to two ticks at once, one of which does it', async () => {
    world = createNativeWorld({ simulator: { batches: RESULTS } });
    await world.accept(ROWS);
    await world.tick();
    world.clock.now += 700_000;
    const both = await Promise.all([world.tick(), world.tick()]);
    expect(both.reduce((sum, { settled }) => sum + settled, 0)).toBe(1);
    expect(new Set(world.published.map(({ id }) => id)).size).toBe(ROWS);
    expect(world.published).toHaveLength(ROWS);
  });

  it('goes on in the next tick when the time of one runs out', async () => {
    world = createNativeWorld({ simulator: { batches: RESULTS } });
    await world.accept(ROWS);
    await world.tick();
    world.clock.now += 700_000;
    const startedAtMs = world.clock.now;
    // Each group takes a second of the clock, and the tick has half of one.
    const slow = createTickNative({
      ...world.deps,
      onPublished: (group) => {
        world.deps.onPublished?.(group);
        world.clock.now += 1_000;
      },
    });
    await slow({ deadlineMs: startedAtMs + 500, signal: NEVER });
    const taken = world.published.length;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(ROWS);
    await world.run();
    expect(world.published).toHaveLength(ROWS);
  });
});
