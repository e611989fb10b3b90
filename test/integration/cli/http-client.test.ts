import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpCall, HttpClient } from '../../../cli/api-client/http-client.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that gives these answers in turn, the last one for ever, and a client of it. */
async function start(...answers: Answer[]) {
  const seen: { method: string; url: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const answer = answers[Math.min(seen.length, answers.length - 1)];
    seen.push({ method, url, authorization: headers.authorization });
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const slept: number[] = [];
  const clock: Clock = { nowMs: () => 0, sleep: async (ms) => void slept.push(Math.round(ms)) };
  const stop = new AbortController();
  const http = new HttpClient({
    baseUrl: `http://127.0.0.1:${port}`,
    key: 'pk_secret',
    clock,
    random: createSeededRandom(3),
    signal: stop.signal,
  });
  const send = (call: Partial<HttpCall> = {}) =>
    http.send({ method: 'GET', path: '/v1/x', ...call });
  return { send, seen, slept, stop };
}

const reply =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };
const hangUp: Answer = ({ socket }) => void socket.destroy();
const problem = (code: string, detail: string, status: number) => ({
  ...{ type: '', title: '', status, detail, code, retryable: false, errors: [] },
});

describe('the HTTP client', () => {
  it('sends its key and what is asked, encoded', async () => {
    const { send, seen } = await start(reply(200, { ok: 1 }));
    const { bytes } = await send({ query: { batch: 'a&b', tag: undefined } });
    expect(JSON.parse(bytes.toString())).toEqual({ ok: 1 });
    expect(seen).toEqual([
      { method: 'GET', url: '/v1/x?batch=a%26b', authorization: 'Bearer pk_secret' },
    ]);
  });

  it('waits as long as it is told, and backs off where it is not', async () => {
    const { send, seen, slept } = await start(
      reply(503, {}, { 'retry-after': '7' }),
      reply(429, {}, { 'retry-after-ms': '1500' }),
      hangUp,
      reply(504, 'gateway'),
      reply(200),
    );
    expect((await send()).status).toBe(200);
    expect(seen).toHaveLength(5);
    const [told = 0, toldMs = 0, lost = 0, gateway = 0] = slept;
    expect(told).toBeGreaterThanOrEqual(7_000);
    expect(toldMs).toBeGreaterThanOrEqual(1_500);
    expect(toldMs).toBeLessThan(3_000);
    expect(gateway).toBeGreaterThan(lost / 2);
  });

  it('repeats a POST only where that cannot do it twice', async () => {
    for (const [answer, calls] of [
      [reply(503), 1],
      [hangUp, 1],
      [reply(429), 2],
    ] as const) {
      const { send, seen } = await start(answer, reply(200));
      await send({ method: 'POST' }).catch(() => undefined);
      expect(seen).toHaveLength(calls);
    }
    const { send, seen } = await start(hangUp, reply(502), reply(202));
    expect((await send({ method: 'POST', isRepeatable: true })).status).toBe(202);
    expect(seen).toHaveLength(3);
  });

  it('gives up after a while, with the words of the last answer', async () => {
    const busy = problem('capacity_exhausted', 'DynamoDB is busy', 503);
    const { send, seen } = await start(reply(503, busy));
    await expect(send()).rejects.toMatchObject({
      code: 'capacity_exhausted',
      message: 'DynamoDB is busy',
    });
    expect(seen).toHaveLength(8);
  });

  it.each([
    [401, problem('unauthenticated', 'no', 401), 'unauthenticated', /does not know this key/],
    [403, { message: 'Forbidden' }, 'unauthenticated', /does not know this key/],
    [403, problem('forbidden', 'lacks the scope "admin"', 403), 'forbidden', /PENSTOCK_KEY/],
    [422, problem('idempotency_conflict', 'Other', 422), 'idempotency_conflict', /Other/],
    [402, problem('budget_exceeded', 'Spent', 402), 'budget_exceeded', /Spent/],
    [404, '<html>nginx', 'server_unreachable', /not as Penstock.*404/],
    [302, '', 'server_unreachable', /not as Penstock/],
    [418, problem('from_the_future', 'New', 418), 'invalid_request', /New/],
  ])('turns %i %j into %s', async (status, body, code, message) => {
    const { send, seen } = await start(reply(status, body));
    if (status < 400) return expect((await send()).status).toBe(status);
    await expect(send()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    return expect(seen).toHaveLength(1);
  });

  it('ends when it is told to, in a call or in a wait', async () => {
    const { send, stop } = await start(() => stop.abort());
    await expect(send()).rejects.toMatchObject({ code: 'cancelled' });
    await expect(send()).rejects.toMatchObject({ code: 'cancelled' });
  });
});
