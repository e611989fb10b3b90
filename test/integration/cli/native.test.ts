import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, expectedIds, idsOf, inputLines, type World } from './harness.ts';

let world: World;
afterEach(() => world.close());

const RUN = ['run', 'in.jsonl', '-o', 'out.jsonl'];
const QUICK = { turnaround: { minMs: 1_500, maxMs: 2_500 }, validationMs: 200, finalizingMs: 100 };

describe('penstock run in the native lane', () => {
  it('answers a file in batches at half the price, and leaves nothing at the provider', async () => {
    world = await createWorld({ batches: QUICK });
    world.write('in.jsonl', inputLines(200));
    const { code, stdout, stderr } = await world.run([...RUN, '--lane', 'native', '--json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 200, failed: 0, left: 0 });
    expect(idsOf(world.rows())).toEqual(expectedIds(200));
    expect(world.rows()[0]).toMatchObject({ x_penstock: { lane: 'native' } });
    const { batches, files, received } = world.simulator.stats();
    expect(batches).toMatchObject({ created: 1, duplicateBatches: 0, orphans: 0 });
    expect(files).toMatchObject({ stored: 0 });
    expect(received).toBeLessThan(50);
  });

  it('takes the native lane by itself when a day is left, and shows how batches stand', async () => {
    world = await createWorld({
      batches: { ...QUICK, turnaround: { minMs: 7_000, maxMs: 7_500 } },
    });
    world.write('in.jsonl', inputLines(50));
    const { code, stderr } = await world.run([...RUN, '--window', '24h']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/native batch (in_progress|validating).*, done in about 1 h/);
    expect(world.rows().every((row) => row.error === null)).toBe(true);
    expect(world.simulator.stats().batches).toMatchObject({ created: 1 });
  });

  it('is killed while it waits, and goes on with the batch it had', async () => {
    world = await createWorld({
      batches: { ...QUICK, turnaround: { minMs: 4_000, maxMs: 4_500 } },
    });
    world.write('in.jsonl', inputLines(120));
    const args = [...RUN, '--lane', 'native', '--json'];
    const first = world.start(args);
    while (world.simulator.stats().batches.created === 0) await delay(20);
    await delay(300);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await world.run(args);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ answered: 120, failed: 0, left: 0 });
    expect(world.simulator.stats().batches).toMatchObject({ created: 1, duplicateBatches: 0 });
    expect(idsOf(world.rows())).toEqual(expectedIds(120));
  });

  it('ends with care on Ctrl-C and leaves the batch to run', async () => {
    world = await createWorld({
      batches: { ...QUICK, turnaround: { minMs: 3_000, maxMs: 3_500 } },
    });
    world.write('in.jsonl', inputLines(30));
    const first = world.start([...RUN, '--lane', 'native']);
    while (world.simulator.stats().batches.created === 0) await delay(20);
    await delay(300);
    first.child.kill('SIGINT');
    const { code, stderr } = await first.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /1 batch goes on at the provider; the same command takes the results in/,
    );
    expect(stderr).toMatch(/30 requests left\. Run the same command again/);
    expect((await world.run([...RUN, '--lane', 'native'])).code).toBe(0);
    expect(world.simulator.stats().batches).toMatchObject({ created: 1 });
    expect(idsOf(world.rows())).toEqual(expectedIds(30));
  });

  it('goes from a batch that left half to flex, and to live where flex has no room, each paid once', async () => {
    const script = [{ outcome: 'cancelled' as const, doneShare: 0.5, turnaroundMs: 1_000 }];
    world = await createWorld(
      { batches: { ...QUICK, script }, faults: [{ kind: 'flex_unavailable', probability: 0.5 }] },
      'limits: { requestsPerMinute: 600000 }\n    lanes: [live, flex, native]\n    price: { input: 0.15, output: 0.6, flexShare: 0.5, nativeShare: 0.5 }',
    );
    world.write('in.jsonl', inputLines(60));
    const { code, stdout, stderr } = await world.run([...RUN, '--lane', 'native', '--json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 60, failed: 0, left: 0 });
    const lanes = Map.groupBy(world.rows(), ({ x_penstock }) => x_penstock.lane);
    expect(lanes.get('native')).toHaveLength(30);
    expect(lanes.get('flex')?.length).toBeGreaterThan(5);
    expect(lanes.get('live')?.length).toBeGreaterThan(5);
    expect(world.simulator.stats()).toMatchObject({ duplicates: 0, batches: { created: 1 } });
  });

  it('runs by calls what a batch cancelled behind our back left', async () => {
    const script = [{ outcome: 'cancelled' as const, doneShare: 0.5, turnaroundMs: 1_000 }];
    world = await createWorld({ batches: { ...QUICK, script } });
    world.write('in.jsonl', inputLines(60));
    const { code, stdout } = await world.run([...RUN, '--lane', 'native', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ answered: 60, failed: 0, left: 0 });
    const { duplicates, batches } = world.simulator.stats();
    expect({ duplicates, created: batches.created }).toEqual({ duplicates: 0, created: 1 });
  });
});
