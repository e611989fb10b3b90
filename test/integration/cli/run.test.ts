import { statSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, expectedIds, idsOf, inputLines, type World } from './harness.ts';

let world: World;
afterEach(() => world.close());

const RUN = ['run', 'in.jsonl', '-o', 'out.jsonl'];

describe('penstock run', () => {
  it('answers every line once, and says what it cost', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(300));
    const { code, stdout, stderr } = await world.run([...RUN, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const rows = world.rows();
    expect(idsOf(rows)).toEqual(expectedIds(300));
    const costs = rows.reduce((sum, { x_penstock }) => sum + x_penstock.cost_micro_usd, 0);
    expect(report).toMatchObject({
      status: 'completed',
      total: 300,
      answered: 300,
      failed: 0,
      left: 0,
      throttled: 0,
      cost_micro_usd: costs,
      latency_ms: { p50: expect.any(Number), p95: expect.any(Number) },
    });
    expect(costs).toBeGreaterThan(0);
    expect(world.simulator.stats()).toMatchObject({ served: 300 });
  });

  it('tells people in lines and a table where there is no terminal', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(20));
    const { code, stdout } = await world.run(RUN);
    expect(code).toBe(0);
    expect(stdout).toMatch(/answered +20 of 20/);
    expect(stdout).toMatch(/cost +\$0\.00/);
    expect(stdout).not.toContain('\u001b');
    const quiet = await world.run([...RUN, '--quiet']);
    expect(quiet).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  it('asks and pays nothing again for what was answered', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(50));
    await world.run(RUN);
    const before = world.read('out.jsonl');
    const second = await world.run(RUN);
    expect(second.code).toBe(0);
    expect(second.stderr).toContain('Resuming: 50 of 50 already answered, $0.0000 for those');
    expect(world.read('out.jsonl')).toBe(before);
    expect(world.simulator.stats()).toMatchObject({ served: 50 });
  });

  it('writes results to standard output, whole and only those', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(700));
    const { code, stdout, stderr } = await world.run(['run', 'in.jsonl', '-o', '-']);
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(idsOf(rows)).toEqual(expectedIds(700));
    expect(stderr).toMatch(/answered +700 of 700/);
  });

  it('works from the environment alone', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(5));
    world.write('penstock.yaml', '');
    const { code, stderr } = await world.run(RUN);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: /providers section/ });
    const { rmSync } = await import('node:fs');
    rmSync(world.path('penstock.yaml'));
    const second = await world.run(RUN, { OPENAI_BASE_URL: `${world.simulator.url}/v1` });
    expect(second.code).toBe(0);
    expect(world.rows()).toHaveLength(5);
  });

  it('gives failed requests an error row, groups them, and exits with 1', async () => {
    world = await createWorld({ contextWindow: 200 });
    const long = { messages: [{ role: 'user', content: 'word '.repeat(2_000) }] };
    const lines = inputLines(10).trimEnd().split('\n');
    lines[6] = inputLines(7, long).trimEnd().split('\n')[6] ?? '';
    lines[3] = inputLines(4, long).trimEnd().split('\n')[3] ?? '';
    world.write('in.jsonl', lines.join('\n'));
    const { code, stdout } = await world.run(RUN);
    expect(code).toBe(1);
    expect(stdout).toMatch(/2 failed:\n +2 context_length_exceeded \(first: line 4\)/);
    const failed = world.rows().filter(({ error }) => error !== null);
    expect(idsOf(failed)).toEqual(['row-3', 'row-6']);
    expect(idsOf(world.rows())).toEqual(expectedIds(10));
  });

  it('books cost on tags, and takes a window and a lane', async () => {
    world = await createWorld({}, 'lanes: [live, flex]');
    world.write('in.jsonl', inputLines(10));
    const args = [...RUN, '--window', '24h', '--tags', 'nightly,team-a'];
    expect((await world.run(args)).code).toBe(0);
    expect(world.read('out.jsonl')).toContain('"lane":"flex"');
  });

  it('refuses to overwrite, unless told to', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(5));
    world.write('out.jsonl', 'precious');
    const refused = await world.run(RUN);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--overwrite') });
    expect(world.read('out.jsonl')).toBe('precious');
    expect((await world.run([...RUN, '--overwrite'])).code).toBe(0);
    expect(world.rows()).toHaveLength(5);
  });

  it('refuses the input as its own output', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(5));
    const { code, stderr } = await world.run([
      'run',
      'in.jsonl',
      '-o',
      './in.jsonl',
      '--overwrite',
    ]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('is the input itself'),
    });
    expect(world.read('in.jsonl')).toBe(inputLines(5));
  });

  it('knows its state by content: another input is refused, a moved one is not', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(5));
    await world.run(RUN);
    world.write('copy.jsonl', inputLines(5));
    const moved = await world.run(['run', 'copy.jsonl', '-o', 'out.jsonl']);
    expect(moved).toMatchObject({ code: 0, stderr: expect.stringContaining('5 of 5 already') });
    world.write('other.jsonl', inputLines(6));
    const other = await world.run(['run', 'other.jsonl', '-o', 'out.jsonl']);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/belongs to .*copy\.jsonl.*not to .*other\.jsonl.*--state/);
    writeFileSync(world.path('copy.jsonl'), inputLines(5).replace('hello', 'HELLO'));
    const changed = await world.run(['run', 'copy.jsonl', '-o', 'out.jsonl']);
    expect(changed).toMatchObject({ code: 2, stderr: expect.stringContaining('earlier content') });
  });

  it('lets one process at a time have a state', async () => {
    world = await createWorld({ latency: { minMs: 20_000, maxMs: 20_001 } });
    world.write('in.jsonl', inputLines(2));
    const first = world.start([...RUN, '--verbose']);
    await until(() => world.simulator.stats().inFlight > 0);
    const second = await world.run(RUN);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`in use by process ${first.child.pid}`);
  });
});

describe('penstock run with bad lines', () => {
  const BAD = `${inputLines(2)}not json\n${inputLines(1)}`;

  it('sends nothing, names each line, and exits with 2', async () => {
    world = await createWorld();
    world.write('in.jsonl', BAD);
    const { code, stderr } = await world.run(RUN);
    expect(code).toBe(2);
    expect(stderr).toMatch(/2 lines are not usable/);
    expect(stderr).toMatch(/line 3: Not usable JSON at column 1.*\[invalid_request\]/);
    expect(stderr).toMatch(
      /line 4: custom_id "row-0" is on line 1 already.*\[duplicate_custom_id\]/,
    );
    expect(stderr).toMatch(/--skip-invalid/);
    expect(world.simulator.stats()).toMatchObject({ received: 0 });
    expect(statSync(world.path('out.jsonl'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('runs once mended, with the same state', async () => {
    world = await createWorld();
    world.write('in.jsonl', BAD);
    await world.run(RUN);
    world.write('in.jsonl', inputLines(3));
    expect((await world.run(RUN)).code).toBe(0);
    expect(idsOf(world.rows())).toEqual(expectedIds(3));
  });

  it('gives them error rows when told to pass over them', async () => {
    world = await createWorld();
    world.write('in.jsonl', BAD);
    const { code, stdout } = await world.run([...RUN, '--skip-invalid', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'completed_with_errors',
      total: 4,
      answered: 2,
      failed: 2,
      failures: [
        { code: 'invalid_request', count: 1, first_line: 3 },
        { code: 'duplicate_custom_id', count: 1, first_line: 4 },
      ],
    });
    const rows = world.rows();
    expect(rows).toHaveLength(4);
    expect(rows.map(({ error }) => error?.code)).toEqual([
      'invalid_request',
      'duplicate_custom_id',
      undefined,
      undefined,
    ]);
    expect(rows[0]?.error?.message).toMatch(/^line 3: /);
  });

  it.each([
    [['run', 'none.jsonl'], /There is no file .*none\.jsonl/],
    [['run', 'empty.jsonl'], /empty\.jsonl holds no requests/],
    [['run', '-'], /must be a file/],
    [['run', 'in.jsonl', '-o', 'no/out.jsonl', '--state', 's'], /directory must exist/],
    [['run', 'in.jsonl', '--window', 'soon'], /a whole number and a unit/],
    [['run', 'in.jsonl', '--lane', 'fast'], /Lanes are live, flex, native/],
    [['run', 'in.jsonl', '--concurrency', '0'], /whole number above 0/],
    [['run', 'in.jsonl', '--config', 'none.yaml'], /Cannot read the configuration/],
    [['run', 'in.jsonl', '--frobnicate'], /unknown option '--frobnicate'/],
    [['run'], /missing required argument/],
    [['rum'], /unknown command 'rum'.*\n?.*Did you mean run/],
  ])('answers %j with exit code 2 and the remedy', async (args, expected) => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(2));
    world.write('empty.jsonl', '\n\n');
    const { code, stderr } = await world.run(args);
    expect(stderr).toMatch(expected);
    expect(code).toBe(2);
  });

  it('reports errors as JSON where JSON is asked for', async () => {
    world = await createWorld();
    world.write('in.jsonl', inputLines(2));
    const { code, stdout, stderr } = await world.run([...RUN, '--json'], { OPENAI_API_KEY: '' });
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'error',
      error: {
        code: 'invalid_configuration',
        message: expect.stringContaining('OPENAI_API_KEY is not set'),
      },
    });
  });
});

/** Waits for something outside this process; fails with the test's own time limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
