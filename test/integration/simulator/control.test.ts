import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createFrozenClock,
  InvalidOptionsError,
  startSimulator,
} from '../../../simulator/server.ts';
import { chat, createTestClock, openAiClient, post, row, start, submit, until } from './harness.ts';

const PATH = '/v1/chat/completions';
const MAIN = fileURLToPath(new URL('../../../simulator/main.ts', import.meta.url));

describe('control routes', () => {
  test('stats are the books as JSON', async () => {
    const simulator = await start();
    await post(simulator, PATH, chat('a'));
    const response = await fetch(`${simulator.url}/_stats`);
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(simulator.stats())));
    expect(simulator.stats().received).toBe(1);
  });

  test('a patch changes limits and faults of the running provider, and keeps the rest', async () => {
    const clock = createTestClock();
    const simulator = await start(
      { limits: { requestsPerMinute: 100, tokensPerMinute: 60_000 } },
      clock,
    );
    await post(simulator, PATH, chat('a'));
    const patch = { limits: { requestsPerMinute: 10 }, faults: 'outage@1s-2s' };
    expect((await post(simulator, '/_config', patch)).status).toBe(200);
    const limited = await post(simulator, PATH, chat('b'));
    expect(limited.headers.get('x-ratelimit-limit-requests')).toBe('10');
    expect(limited.headers.get('x-ratelimit-remaining-requests')).toBe('9');
    expect(limited.headers.get('x-ratelimit-limit-tokens')).toBe('60000');
    clock.advance(1_000);
    expect((await post(simulator, PATH, chat('c'))).status).toBe(503);
    clock.advance(1_000);
    expect((await post(simulator, PATH, chat('c'))).status).toBe(200);
  });

  test('a wrong patch is refused with its faults and changes nothing', async () => {
    const simulator = await start({ limits: { requestsPerMinute: 100 } });
    for (const patch of [{ limits: { requestsPerMinute: 'many' } }, { port: 1 }, [], '{']) {
      const response = await post(simulator, '/_config', patch);
      expect(response.status).toBe(400);
      expect(await response.json()).toHaveProperty('error');
    }
    const answer = await post(simulator, PATH, chat('a'));
    expect(answer.headers.get('x-ratelimit-limit-requests')).toBe('100');
    expect(() => simulator.configure({ port: 1 })).toThrow(InvalidOptionsError);
  });

  test('a reset empties the books and fills the buckets', async () => {
    const simulator = await start({ limits: { requestsPerMinute: 1 } });
    await post(simulator, PATH, chat('a'));
    expect((await post(simulator, PATH, chat('b'))).status).toBe(429);
    expect((await post(simulator, '/_reset', '')).status).toBe(200);
    expect(simulator.stats()).toMatchObject({ received: 0, billed: 0, refused: { total: 0 } });
    expect((await post(simulator, PATH, chat('b'))).status).toBe(200);
  });

  test('an unknown control route says which there are', async () => {
    const response = await fetch(`${(await start()).url}/_state`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain(
      'GET /_stats, POST /_reset, POST /_config and POST /_advance',
    );
  });
});

describe('moving the clock', () => {
  const advance = (simulator: { url: string }, body: unknown) =>
    fetch(`${simulator.url}/_advance`, { method: 'POST', body: JSON.stringify(body) });

  test('wakes what sleeps, in order', async () => {
    const simulator = await start(
      { latency: { minMs: 5_000, maxMs: 5_000 } },
      createFrozenClock(1),
    );
    const answer = post(simulator, PATH, chat('a'));
    await until(() => simulator.stats().inFlight === 1);
    expect(await (await advance(simulator, { ms: 4_999 })).json()).toEqual({ nowMs: 5_000 });
    expect(simulator.stats().served).toBe(0);
    await advance(simulator, { ms: 1 });
    expect((await answer).status).toBe(200);
  });

  test('is refused for a wrong body, and by a clock that nobody moves', async () => {
    const frozen = await start({}, createFrozenClock());
    for (const body of [{}, { ms: -1 }, 'x'])
      expect((await advance(frozen, body)).status).toBe(400);
    const running = await startSimulator();
    onTestFinished(() => running.close());
    const response = await advance(running, { ms: 1 });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('clock frozen or running');
  });
});

describe('the program', () => {
  function launch(...argv: string[]): { child: ChildProcess; lines: AsyncIterator<string> } {
    const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  test('prints where it listens, serves, and stops on SIGTERM', async () => {
    const { child, lines } = launch('--rpm', '7', '--latency', '0-1');
    const { value } = await lines.next();
    expect(value).toMatch(/^listening http:\/\/127\.0\.0\.1:\d+$/);
    const url = String(value).replace('listening ', '');
    const answer = await fetch(url + PATH, { method: 'POST', body: JSON.stringify(chat('a')) });
    expect(answer.headers.get('x-ratelimit-limit-requests')).toBe('7');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('runs on a clock that moves when told, with batches that end as told', async () => {
    const { lines } = launch('--json', '--clock', 'running', '--batch', '{"script":["expired"]}');
    const { url } = JSON.parse((await lines.next()).value);
    const client = openAiClient({ url });
    const { id } = await submit(client, [row('a'), row('b')]);
    await fetch(`${url}/_advance`, { method: 'POST', body: '{"ms":86400000}' });
    expect(await client.batches.retrieve(id)).toMatchObject({
      status: 'expired',
      request_counts: { total: 2, completed: 1 },
    });
  });

  test('prints JSON when asked, and warns when others can reach it', async () => {
    const { child, lines } = launch('--json', '--host', '0.0.0.0');
    const [warning] = await once(child.stderr ?? child, 'data');
    expect(String(warning)).toContain('reachable from other machines');
    expect(JSON.parse((await lines.next()).value)).toEqual({
      url: expect.stringMatching(/^http:\/\/0\.0\.0\.0:\d+$/),
      port: expect.any(Number),
    });
  });

  test('refuses a wrong command line with status 2', async () => {
    const { child } = launch('--fault', 'boom:1');
    const [message] = await once(child.stderr ?? child, 'data');
    expect(String(message)).toContain('unknown kind "boom"');
    expect(await once(child, 'exit')).toEqual([2, null]);
  });
});

test('a port in use is an error of the start, not of the process', async () => {
  const { port } = await start();
  await expect(startSimulator({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
