import { describe, expect, it } from 'vitest';
import { requestListSchema, requestSchema } from '../../../../shared/contracts/api.ts';
import {
  CHAT_ANSWER,
  HELLO,
  post,
  type Script,
  startApi,
} from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const CHAT = '/v1/chat/completions';
const ITEM = { endpoint: CHAT, body: HELLO };
const answered: Script = () => ({ status: 200, bodyJson: CHAT_ANSWER });

function start(script?: Script) {
  const clock = new FakeClock();
  const api = startApi({ clock, ...(script === undefined ? {} : { script }) });
  const send = async (path: string, init?: RequestInit) => {
    const response = await clock.runUntil(Promise.resolve(api.app.request(path, init)));
    return { response, status: response.status, body: JSON.parse(await response.text()) };
  };
  return { ...api, clock, send };
}

const lines = (...items: unknown[]): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/jsonl' },
  body: items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join('\n'),
});

describe('submitting one', () => {
  it('answers 202 with the request as it was accepted', async () => {
    const { send, clock, worker } = start();
    const item = {
      ...ITEM,
      custom_id: 'mine',
      completion_window: '15m',
      lane: 'flex',
      priority: 'bulk',
      tags: ['a', 'b'],
    };
    const { status, body, response } = await send('/v1/requests', post(item));
    expect(status).toBe(202);
    expect(response.headers.get('location')).toBe(`requests/${body.id}`);
    expect(requestSchema.parse(body)).toEqual({
      object: 'request',
      id: body.id,
      status: 'queued',
      model: 'gpt-4o-mini',
      endpoint: CHAT,
      custom_id: 'mine',
      batch_id: null,
      lane: 'flex',
      priority: 9,
      tags: ['a', 'b'],
      attempts: 0,
      plan: {
        lane: 'flex',
        expected_finish_at_ms: expect.any(Number),
        escalate_at_ms: null,
        meets_deadline: true,
        why: 'Flex: asked for.',
      },
      created_at_ms: clock.nowMs(),
      deadline_at_ms: clock.nowMs() + 900_000,
      finished_at_ms: null,
      usage: null,
      cost_micro_usd: null,
      error: null,
      result: null,
    });
    expect(worker.wakes).toBe(1);
  });

  it('takes an OpenAI batch line, and a model beside the body', async () => {
    const { send, segments } = start();
    const line = { custom_id: '1', method: 'POST', url: CHAT, body: HELLO };
    expect((await send('/v1/requests', post(line))).status).toBe(202);
    const { model, ...body } = HELLO;
    const beside = await send('/v1/requests', post({ model, endpoint: CHAT, body }));
    expect(beside.body.model).toBe(model);
    expect(segments.lines.map((stored) => JSON.parse(Buffer.from(stored).toString()))).toEqual([
      HELLO,
      HELLO,
    ]);
  });

  it.each([
    [{ ...ITEM, tenant: 'x', status: 'y' }, ['/tenant', '/status']],
    [{ body: HELLO }, ['/endpoint']],
    [{ endpoint: CHAT, body: {} }, ['/body/model']],
    [{ endpoint: CHAT, body: { ...HELLO, model: 7 } }, ['/body/model']],
    [{ ...ITEM, model: 'other' }, ['/model']],
    [{ ...ITEM, url: '/v1/responses' }, ['/endpoint']],
    [{ ...ITEM, endpoint: '/v1/images' }, ['/endpoint']],
    [{ ...ITEM, method: 'GET' }, ['/method']],
    [{ endpoint: CHAT, body: [] }, ['/body']],
    [{ ...ITEM, completion_window: '5 minutes' }, ['/completion_window']],
    [{ ...ITEM, lane: 'native' }, ['/lane']],
    [{ ...ITEM, lane: 'fast' }, ['/lane']],
    [{ ...ITEM, priority: 3 }, ['/priority']],
    [{ ...ITEM, tags: ['a\u0007'] }, ['/tags/0']],
    [{ ...ITEM, custom_id: '' }, ['/custom_id']],
    [{ ...ITEM, id: 'x'.repeat(256) }, ['/id']],
    [{ endpoint: CHAT, body: { ...HELLO, stream: true } }, ['/body/stream']],
    [{ endpoint: CHAT, body: { ...HELLO, background: true } }, ['/body/background']],
    [{ endpoint: '/v1/messages', body: HELLO }, ['/endpoint']],
    [{ endpoint: CHAT, body: { ...HELLO, model: 'nope' } }, ['/body/model']],
  ])('refuses %j and names the field', async (item, pointers) => {
    const { send, segments, worker } = start();
    const { status, body, response } = await send('/v1/requests', post(item));
    expect(status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    expect(body.detail).toContain(pointers[0]);
    expect(segments.lines).toEqual([]);
    expect(worker.wakes).toBe(0);
  });

  it.each(['null', '3', '"x"', 'true'])('refuses %s', async (json) => {
    const { status, body } = await start().send('/v1/requests', post(json));
    expect([status, body.code]).toEqual([400, 'invalid_request']);
  });

  it('says of each faulty field what to write instead', async () => {
    const { send } = start();
    const item = { model: 'gpt-4o-mini', url: '/nope', tags: 'a', custom_id: '', messages: [] };
    const { body } = await send('/v1/requests', post(item));
    expect(body.detail.split('; /')).toEqual([
      expect.stringMatching(/^\/custom_id: must be at least 1 characters$/),
      expect.stringMatching(/^url: must be one of \/v1\/chat\/completions, /),
      'body: is missing; it must be an object',
      'tags: must be a list',
      expect.stringMatching(/^messages: is no field of this object/),
    ]);
    const query = await send('/v1/requests?status=done&limit=0');
    expect(query.body.detail).toMatch(
      /^\/status: must be one of queued, .*; \/limit: must be at least 1$/,
    );
  });

  it('refuses what cannot fit, with the numbers', async () => {
    const clock = new FakeClock();
    const message = 'input 200000 tokens > 128000';
    const { app } = startApi({
      clock,
      measure: async () => ({ kind: 'refused', code: 'context_length_exceeded', message }),
    });
    const response = await app.request('/v1/requests', post(ITEM));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'context_length_exceeded',
      detail: `/body: ${message}`,
    });
  });
});

describe('an idempotency key', () => {
  const key = { 'idempotency-key': 'order-7' };

  it('accepts the same request once, however often and however spelt', async () => {
    const { send, stores, worker } = start();
    const first = await send('/v1/requests', post(ITEM, key));
    const again = await send(
      '/v1/requests',
      post(
        `{"endpoint":"${CHAT}", "id":"order-7", "body":{"messages":[{"content":"\\u0048i","role":"user"}],"model":"gpt-4o-mini"}}`,
      ),
    );
    expect(again.status).toBe(202);
    expect(again.body.id).toBe(first.body.id);
    expect(again.response.headers.get('idempotency-replayed')).toBe('true');
    expect((await stores.requests.counts('default')).queued).toBe(1);
    expect(worker.wakes).toBe(1);
  });

  it('accepts one of many sent at once', async () => {
    const { app, stores } = start();
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => app.request('/v1/requests', post(ITEM, key))),
    );
    const bodies = await Promise.all(responses.map((response) => response.text()));
    const ids = bodies.map((body) => requestSchema.parse(JSON.parse(body)).id);
    expect(new Set(ids).size).toBe(1);
    expect((await stores.requests.counts('default')).queued).toBe(1);
  });

  it('answers 200 with the result once there is one', async () => {
    const { send, worker } = start(answered);
    const first = await send('/v1/requests', post(ITEM, key));
    await worker.drain();
    const again = await send('/v1/requests', post(ITEM, key));
    expect([first.status, again.status]).toEqual([202, 200]);
    expect(again.body.result.body.choices[0].message.content).toBe('Hello');
  });

  it.each([
    [{ ...ITEM, body: { ...HELLO, temperature: 0 } }],
    [{ ...ITEM, body: { ...HELLO, messages: [] } }],
    [{ endpoint: '/v1/responses', body: HELLO }],
  ])('answers 422 when it comes back with another request', async (other) => {
    const { send } = start();
    const first = await send('/v1/requests', post(ITEM, key));
    const { status, body } = await send('/v1/requests', post(other, key));
    expect([status, body.code]).toEqual([422, 'idempotency_conflict']);
    expect(body.detail).toContain(first.body.id);
  });

  it('must agree with the id, and be one', async () => {
    const { send } = start();
    const both = await send('/v1/requests', post({ ...ITEM, id: 'other' }, key));
    expect([both.status, both.body.errors[0].pointer]).toEqual([400, '/id']);
    const long = { 'idempotency-key': 'k'.repeat(256) };
    expect((await send('/v1/requests', post(ITEM, long))).status).toBe(400);
    expect((await send('/v1/requests', post([ITEM], long))).status).toBe(400);
  });

  it('is not needed: without one each call is a new request', async () => {
    const { send } = start();
    const first = await send('/v1/requests', post(ITEM));
    const second = await send('/v1/requests', post(ITEM));
    expect(second.body.id).not.toBe(first.body.id);
  });
});

describe('submitting many', () => {
  it('judges each by itself and answers by index', async () => {
    const { send, stores } = start();
    const bad = { ...ITEM, lane: 'warp' };
    const { status, body } = await send('/v1/requests', post([ITEM, bad, { ...ITEM, id: 'k' }, 7]));
    expect(status).toBe(202);
    expect(body).toMatchObject({ object: 'list', accepted: 2, refused: 2 });
    expect(body.data.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
    expect(body.data.map((item: { status: string }) => item.status)).toEqual([
      'accepted',
      'refused',
      'accepted',
      'refused',
    ]);
    expect(body.data[1].error.errors[0].pointer).toBe('/lane');
    expect((await stores.requests.counts('default')).queued).toBe(2);
  });

  it('takes JSON lines, and names the place of a fault in its line', async () => {
    const { send } = start();
    const { status, body } = await send(
      '/v1/requests',
      lines(ITEM, '', '{"endpoint":', '  ', { ...ITEM, custom_id: 'last' }),
    );
    expect(status).toBe(202);
    expect(body.data).toHaveLength(3);
    expect(body.data[1].error.detail).toContain('line 1, column 13');
    expect(body.data[2].status).toBe('accepted');
  });

  it('answers 400 when none was accepted', async () => {
    const { status, body } = await start().send('/v1/requests', lines('{', '['));
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request', accepted: 0, refused: 2 });
    expect(body.data).toHaveLength(2);
  });

  it('accepts a key twice in one call once', async () => {
    const { send, stores } = start();
    const item = { ...ITEM, id: 'k' };
    const other = { ...item, body: { ...HELLO, seed: 1 } };
    const { body } = await send('/v1/requests', post([item, item, other]));
    expect(body.data.map((one: { status: string }) => one.status)).toEqual([
      'accepted',
      'replayed',
      'refused',
    ]);
    expect((await stores.requests.counts('default')).queued).toBe(1);
  });

  it('takes 10,000 and no more', async () => {
    const { send, stores } = start();
    const item = JSON.stringify(ITEM);
    const most = Array.from({ length: 10_000 }, () => item);
    expect((await send('/v1/requests', lines(...most))).body.accepted).toBe(10_000);
    const more = await send('/v1/requests', lines(...most, item));
    expect([more.status, more.body.code]).toEqual([413, 'payload_too_large']);
    expect((await stores.requests.counts('default')).queued).toBe(10_000);
    for (const empty of [lines(), post([])]) {
      expect((await send('/v1/requests', empty)).body.code).toBe('empty_input');
    }
  });
});

describe('looking at a request', () => {
  it('shows the answer as the provider spelt it', async () => {
    const { app, send, worker } = start(answered);
    const { body } = await send('/v1/requests', post(ITEM));
    await worker.drain();
    const response = await app.request(`/v1/requests/${body.id}`);
    const text = await response.text();
    expect(text).toContain(`"body":${CHAT_ANSWER}`);
    expect(requestSchema.parse(JSON.parse(text))).toMatchObject({
      status: 'succeeded',
      lane: 'live',
      usage: { input_tokens: 9, output_tokens: 3 },
      cost_micro_usd: 42,
      result: { status_code: 200, request_id: 'provider-1' },
    });
  });

  it('shows why it failed', async () => {
    const failure = { code: 'attempts_exhausted', message: 'Reset by peer, six times' };
    const { send, worker } = start(() => failure);
    const { body } = await send('/v1/requests', post(ITEM));
    await worker.drain();
    const found = await send(`/v1/requests/${body.id}`);
    expect(found.body).toMatchObject({ status: 'failed', error: failure, result: null });
  });

  it('waits for the end when asked to, and no longer', async () => {
    const { app, send, clock, worker, completions } = start();
    const { body } = await send('/v1/requests', post(ITEM));
    const before = clock.nowMs();
    const pending = await send(`/v1/requests/${body.id}?wait=20`);
    expect(pending.body.status).toBe('queued');
    expect(clock.nowMs() - before).toBe(20_000);

    worker.script = answered;
    const waiting = Promise.resolve(app.request(`/v1/requests/${body.id}?wait=25`));
    await expect.poll(() => completions.waiting).toBe(1);
    worker.wake();
    expect(await (await waiting).json()).toMatchObject({ status: 'succeeded' });
    expect(clock.nowMs() - before).toBe(20_000);
    expect(completions.waiting).toBe(0);
  });

  it.each(['wait=26', 'wait=-1', 'wait=x', 'wait=1.5', 'waits=1'])('refuses ?%s', async (query) => {
    const { send } = start();
    const { body } = await send('/v1/requests', post(ITEM));
    expect((await send(`/v1/requests/${body.id}?${query}`)).status).toBe(400);
  });

  it.each(['req_x', '%00', '%E0%A4%A', '%F0%9F%98%80', "'%20OR%201=1", 'x'.repeat(3_000)])(
    'does not know %j',
    async (id) => {
      const { status, body } = await start().send(`/v1/requests/${id}`);
      expect([status, body.code]).toEqual([404, 'not_found']);
      expect(JSON.stringify(body).length).toBeLessThan(600);
    },
  );
});

describe('listing', () => {
  it('walks page by page, newest first, and filters', async () => {
    const { send, worker } = start((_, { customId }) =>
      customId === 'c1' ? { status: 400, bodyJson: '{}' } : 'hold',
    );
    const items = Array.from({ length: 5 }, (_, index) => ({
      ...ITEM,
      custom_id: `c${index}`,
      tags: [index % 2 === 0 ? 'even' : 'odd'],
    }));
    await send('/v1/requests', post(items));
    await worker.drain();
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const { body } = await send(`/v1/requests?limit=2${after}`);
      const page = requestListSchema.parse(body);
      seen.push(...page.data.map((item) => item.custom_id ?? ''));
      after = `&after=${page.last_id}`;
      if (!page.has_more) break;
    }
    expect(seen).toEqual(['c4', 'c3', 'c2', 'c1', 'c0']);
    const ids = async (query: string) =>
      requestListSchema
        .parse((await send(`/v1/requests?${query}`)).body)
        .data.map((item) => item.custom_id);
    expect(await ids('tag=odd')).toEqual(['c3', 'c1']);
    expect(await ids('status=failed')).toEqual(['c1']);
    expect(await ids('tag=odd&status=queued')).toEqual(['c3']);
    expect(await ids('model=nope')).toEqual([]);
  });

  it.each(['limit=0', 'limit=1001', 'status=done', 'after=req_unknown', 'page=2'])(
    'refuses ?%s',
    async (query) => {
      expect((await start().send(`/v1/requests?${query}`)).status).toBe(400);
    },
  );
});

describe('cancelling', () => {
  it('ends a queued request, withdraws it and tells who waits', async () => {
    const { app, send, completions, withdrawn, stores } = start();
    const { body } = await send('/v1/requests', post(ITEM));
    const waiting = Promise.resolve(app.request(`/v1/requests/${body.id}?wait=25`));
    await expect.poll(() => completions.waiting).toBe(1);
    const cancelled = await send(`/v1/requests/${body.id}`, { method: 'DELETE' });
    expect(cancelled.status).toBe(200);
    expect(cancelled.body).toMatchObject({
      status: 'cancelled',
      cost_micro_usd: 0,
      error: { code: 'cancelled' },
      result: null,
    });
    expect(await (await waiting).json()).toMatchObject({ status: 'cancelled' });
    expect(withdrawn).toEqual([body.id]);
    expect((await stores.requests.counts('default')).cancelled).toBe(1);
  });

  it('drops the answer of a call already on its way', async () => {
    const { send, worker } = start();
    const { body } = await send('/v1/requests', post(ITEM));
    const path = `/v1/requests/${body.id}`;
    await send(path, { method: 'DELETE' });
    worker.script = answered;
    await worker.drain();
    expect((await send(path)).body.status).toBe('cancelled');
  });

  it('answers 409 for what has ended, 404 for what never was', async () => {
    const { send, worker, withdrawn } = start(answered);
    const { body } = await send('/v1/requests', post(ITEM));
    await worker.drain();
    const { status, body: problem } = await send(`/v1/requests/${body.id}`, { method: 'DELETE' });
    expect([status, problem.code]).toEqual([409, 'not_cancellable']);
    expect(problem.detail).toContain('succeeded');
    expect((await send('/v1/requests/req_x', { method: 'DELETE' })).status).toBe(404);
    expect(withdrawn).toEqual([]);
  });
});
