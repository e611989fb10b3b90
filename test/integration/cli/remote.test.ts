import { afterEach, describe, expect, it } from 'vitest';
import {
  createWorld,
  type Ended,
  expectedIds,
  idsOf,
  inputLines,
  type RunningCli,
  type World,
} from './harness.ts';

const LINES = 2_000;

let world: World;
let server: { readonly running: RunningCli; readonly url: string };
afterEach(() => world.close());

/** A server on a free port, with the simulator behind it. */
async function startServer(...options: Parameters<typeof createWorld>): Promise<void> {
  world = await createWorld(...options);
  await serve();
}

async function serve(port = '0'): Promise<void> {
  const running = world.start(['serve', '--port', port]);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    running.child.stdout?.on('data', (piece: string) => {
      text += piece;
      const [found] = /http:\/\/\S+?:\d+/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    running.ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  server = { running, url };
}

const startCli = (args: readonly string[], key?: string): RunningCli =>
  world.start(args, {
    PENSTOCK_API: server.url,
    ...(key === undefined ? {} : { PENSTOCK_KEY: key }),
  });
const cli = (args: readonly string[], key?: string): Promise<Ended> => startCli(args, key).ended;
const json = async (args: readonly string[], key?: string) => {
  const ended = await cli([...args, '--json'], key);
  return { ...ended, object: JSON.parse(ended.stdout) };
};

/** Makes the administrator's key and one for each tenant named. */
async function makeKeys(...tenants: string[]): Promise<string[]> {
  const scopes = ['--scopes', 'read,write,admin'];
  const admin = (await cli(['keys', 'create', '--tenant', 'ops', ...scopes])).stdout.trim();
  const keys = [admin];
  for (const tenant of tenants) {
    keys.push((await cli(['keys', 'create', '--tenant', tenant], admin)).stdout.trim());
  }
  return keys;
}

describe('penstock submit', () => {
  it('hands a file over, waits, and writes every answer once', async () => {
    await startServer();
    world.write('in.jsonl', inputLines(LINES));
    const args = ['submit', 'in.jsonl', '--tags', 'nightly', '--window', '1h', '--lane', 'live'];
    const first = await cli(args);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('2,000 of 2,000') });
    const [, batch = ''] = /batch +(\S+)/.exec(first.stdout) ?? [];
    const watched = await cli(['watch', batch, '-o', 'out.jsonl']);
    expect(watched).toMatchObject({ code: 0, stdout: expect.stringContaining('2,000 of 2,000') });
    expect(idsOf(world.rows())).toEqual(expectedIds(LINES));
    expect(world.rows().every(({ response }) => response?.status_code === 200)).toBe(true);

    const again = await json(args);
    expect(again.object).toMatchObject({ batch, accepted: LINES, replayed: LINES, exit_code: 0 });
    expect(world.simulator.stats()).toMatchObject({ served: LINES });

    const { object } = await json(['status', batch]);
    expect(object).toMatchObject({
      status: 'completed',
      counts: { total: LINES, succeeded: LINES, queued: 0 },
      lanes: [{ requests: LINES }],
      models: [{ model: 'gpt-4o-mini', requests: LINES }],
      failures: [],
    });
    expect(object.cost_micro_usd).toBeGreaterThan(0);
    const tagged = await json(['results', '--tag', 'nightly', '-o', 'tagged.jsonl']);
    expect(tagged.object).toMatchObject({ lines: LINES });
  });

  it('takes half the price where there is time: one batch of the provider for all of it', async () => {
    const turnaround = { minMs: 1_000, maxMs: 1_500 };
    await startServer({ batches: { turnaround, validationMs: 100, finalizingMs: 100 } });
    world.write('in.jsonl', inputLines(500));
    const live = await json(['submit', 'in.jsonl', '--batch', 'now', '--wait', '-o', 'now.jsonl']);
    const night = ['submit', 'in.jsonl', '--batch', 'night', '--window', '24h'];
    const { object } = await json([...night, '--wait', '-o', 'night.jsonl']);
    expect(object).toMatchObject({
      status: 'completed',
      lanes: [{ lane: 'native', requests: 500 }],
    });
    // Costs are whole micro-dollars for each request.
    expect(object.cost_micro_usd / live.object.cost_micro_usd).toBeCloseTo(0.5, 1);
    expect(world.simulator.stats().batches).toMatchObject({ created: 1, orphans: 0 });
  });

  it('submits again what was cut off, and pays nothing twice', async () => {
    await startServer({ latency: { minMs: 20, maxMs: 60 } });
    world.write('in.jsonl', inputLines(12_000));
    const killed = startCli(['submit', 'in.jsonl', '--wait', '--batch', 'cut']);
    await expect
      .poll(async () => (await json(['status', 'cut'])).object.counts?.total ?? 0, {
        timeout: 30_000,
      })
      .toBeGreaterThan(0);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const resumed = await cli([
      'submit',
      'in.jsonl',
      '--wait',
      '--batch',
      'cut',
      '-o',
      'out.jsonl',
    ]);
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringContaining('12,000 of 12,000') });
    expect(idsOf(world.rows())).toEqual(expectedIds(12_000));
    expect(world.simulator.stats()).toMatchObject({ served: 12_000 });
  });

  it('lets go on Ctrl-C and says how to go on, and outlives a server that starts again', async () => {
    await startServer({ latency: { minMs: 400, maxMs: 500 } }, 'limits: { concurrency: 20 }');
    world.write('in.jsonl', inputLines(200));
    const detached = startCli(['submit', 'in.jsonl', '--wait', '--batch', 'b']);
    await detached.said('accepted');
    detached.child.kill('SIGINT');
    expect(await detached.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('penstock watch b'),
    });
    const watching = startCli(['watch', 'b', '-o', 'out.jsonl']);
    const { port } = new URL(server.url);
    server.running.child.kill('SIGKILL');
    await server.running.ended;
    world.simulator.configure({ latency: { minMs: 1, maxMs: 2 } });
    await serve(port);
    expect(await watching.ended).toMatchObject({ code: 0 });
    expect(idsOf(world.rows())).toEqual(expectedIds(200));
  });

  it('sends nothing when a line is bad, and the rest when asked to', async () => {
    await startServer();
    const bad = [
      '{"custom_id":"no-url"}',
      '{"custom_id":"row-1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[]}}',
      '{"custom_id":"x","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-9-imaginary"}}',
      '{"custom_id":"y","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini"},"colour":1}',
    ];
    world.write('in.jsonl', `${inputLines(20)}${bad.join('\n')}\n`);
    const refused = await cli(['submit', 'in.jsonl']);
    expect(refused.code).toBe(2);
    for (const text of ['line 21: method', 'line 22: custom_id', 'gpt-9-imaginary', 'colour']) {
      expect(refused.stderr).toContain(text);
    }
    expect((await json(['status'])).object.counts.total).toBe(0);
    const { object, code } = await json(['submit', 'in.jsonl', '--skip-invalid', '--wait']);
    expect([code, object.accepted, object.rejected]).toEqual([1, 20, 4]);
    expect(world.rows('in.out.jsonl')).toHaveLength(20);
    const other = await cli(['submit', 'in.jsonl', '--skip-invalid', '--window', '2h']);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('another --batch') });
  });

  it('tells failures by their code, with exit code 1', async () => {
    await startServer({ contextWindow: 200 });
    const long = { messages: [{ role: 'user', content: 'word '.repeat(2_000) }] };
    world.write('in.jsonl', inputLines(5, long));
    const ended = await cli(['submit', 'in.jsonl', '--wait', '--batch', 'bad']);
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('5 failed') });
    const status = await json(['status', 'bad']);
    expect(status.object).toMatchObject({
      status: 'completed_with_errors',
      failures: [{ code: 'context_length_exceeded', count: 5, example: expect.any(String) }],
    });
    expect(world.rows('in.out.jsonl')).toHaveLength(5);
  });
});

describe('results', () => {
  it('replace an earlier download and never another file', async () => {
    await startServer();
    world.write('in.jsonl', inputLines(30));
    expect((await cli(['submit', 'in.jsonl', '--wait', '--batch', 'b'])).code).toBe(0);
    const fetched = await cli(['results', 'b', '-o', 'out.jsonl']);
    const again = await cli(['results', 'b', '-o', 'out.jsonl']);
    expect([fetched.code, again.code, world.rows().length]).toEqual([0, 0, 30]);
    const foreign = await cli(['results', 'b', '-o', 'in.jsonl']);
    expect(foreign).toMatchObject({ code: 2, stderr: expect.stringContaining('--overwrite') });
    expect(world.read('in.jsonl')).toBe(inputLines(30));
    const piped = await cli(['results', 'b', '-o', '-', '--quiet']);
    expect(piped.stdout.trim().split('\n')).toHaveLength(30);
  });
});

describe('keys', () => {
  it('let in whom they name, and nobody once they are revoked', async () => {
    await startServer();
    const early = await cli(['keys', 'create', '--tenant', 'a']);
    expect(early).toMatchObject({ code: 2, stderr: expect.stringContaining('admin') });
    const [admin, a, b] = await makeKeys('a', 'b');
    world.write('in.jsonl', inputLines(10));
    expect((await cli(['submit', 'in.jsonl', '--wait', '--batch', 'mine'], a)).code).toBe(0);

    for (const key of [undefined, 'pk_wrong', `${a}x`]) {
      const refused = await cli(['status'], key);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('key') });
    }
    expect((await cli(['keys', 'list'], a)).stderr).toContain('admin');

    for (const args of [['status'], ['watch'], ['results']]) {
      const foreign = await cli([...args, 'mine'], b);
      expect(foreign).toMatchObject({ code: 2, stderr: expect.stringContaining('No request') });
    }
    expect((await json(['status'], b)).object.counts.total).toBe(0);
    const everything = await json(['results', '--tag', 'none', '-o', 'b.jsonl'], b);
    expect(everything.object.lines).toBe(0);

    const { object } = await json(['keys', 'list'], admin);
    const { id } = object.keys.find(({ tenant }: { tenant: string }) => tenant === 'a');
    expect(JSON.stringify(object)).not.toContain(a);
    expect((await cli(['keys', 'revoke', id], admin)).code).toBe(0);
    const revoked = await cli(['status'], a);
    expect(revoked).toMatchObject({ code: 2, stderr: expect.stringContaining('revoked') });
    // The digests outlive the process, and so does the pepper.
    const { port } = new URL(server.url);
    server.running.child.kill('SIGTERM');
    await server.running.ended;
    await serve(port);
    expect((await cli(['status'], b)).code).toBe(0);
    expect((await cli(['status'], a)).code).toBe(2);
  });

  it('stop at their budget', async () => {
    await startServer();
    const [admin] = await makeKeys();
    const wish = ['keys', 'create', '--tenant', 'a', '--budget', '0.0002'];
    const key = (await cli(wish, admin)).stdout.trim();
    world.write('few.jsonl', inputLines(10));
    world.write('many.jsonl', inputLines(100));
    expect((await cli(['submit', 'few.jsonl', '--wait'], key)).code).toBe(0);
    const refused = await cli(['submit', 'many.jsonl'], key);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('budget of $0.0002'),
    });
    expect((await json(['status'], key)).object.counts.total).toBe(10);
  });
});

describe('a server', () => {
  it('is named, and answers as Penstock does', async () => {
    world = await createWorld();
    const nobody = await world.run(['status']);
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('PENSTOCK_API') });
    const { url } = world.simulator;
    const other = await world.run(['limits', '--api', url]);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('not as Penstock') });
    const gone = await world.run(['limits', '--api', 'http://127.0.0.1:46099', '--json']);
    expect(JSON.parse(gone.stdout)).toMatchObject({
      exit_code: 2,
      error: { code: 'server_unreachable' },
    });
  });

  it('shows its limits, with or without /v1 in its address', async () => {
    await startServer();
    const { stdout, code } = await world.run(['limits', '--api', `${server.url}/v1/`]);
    expect([code, stdout.includes('600,000')]).toEqual([0, true]);
  });
});
