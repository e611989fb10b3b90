import { describe, expect, it } from 'vitest';
import { CHAT_ANSWER, chatModel, HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;
const line = (id: string, overrides: object = {}, body: object = {}) =>
  JSON.stringify({
    custom_id: id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { ...HELLO, ...body },
    ...overrides,
  });

function set(setUp: Partial<Parameters<typeof startApi>[0]> = {}) {
  const clock = new FakeClock();
  const api = startApi({
    clock,
    script: () => ({ status: 200, bodyJson: CHAT_ANSWER }),
    ...setUp,
  });
  const call = async (path: string, init?: RequestInit) => {
    const response = await api.app.request(path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    return { status: response.status, text, json: isJson ? JSON.parse(text) : null };
  };
  const upload = async (text: string, purpose = 'batch', more: Record<string, string> = {}) => {
    const form = new FormData();
    form.set('purpose', purpose);
    form.set('file', new File([text], 'in.jsonl'));
    for (const [name, value] of Object.entries(more)) form.set(name, value);
    // As bytes: undici does not bear that the reader of a form of its own stops half-way.
    const sent = new Response(form);
    const headers = { 'content-type': sent.headers.get('content-type') ?? '' };
    return call('/v1/files', { method: 'POST', headers, body: await sent.arrayBuffer() });
  };
  const create = async (text: string, wish: object = {}) => {
    const { json } = await upload(text);
    const body = {
      input_file_id: json.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      ...wish,
    };
    return call('/v1/batches', post(body));
  };
  const ended = async (text: string, wish: object = {}) => {
    const { json } = await create(text, wish);
    await api.settleBatches();
    return (await call(`/v1/batches/${json.id}`)).json;
  };
  return { ...api, clock, call, upload, create, ended };
}

describe('POST /v1/batches', () => {
  it.each([
    [{ endpoint: undefined }, 'missing_required_parameter', 'endpoint'],
    [{ endpoint: '/v1/completions' }, 'invalid_value', 'endpoint'],
    [{ completion_window: '0h' }, 'invalid_value', 'completion_window'],
    [{ metadata: { a: 1 } }, 'invalid_type', 'metadata'],
    [{ metadata: 'x' }, 'invalid_type', 'metadata'],
    [{ colour: 'red' }, 'unknown_parameter', 'colour'],
    [{ input_file_id: 'file-x' }, 'invalid_input_file', 'input_file_id'],
    [
      { output_expires_after: { anchor: 'created_at', seconds: 5 } },
      'invalid_value',
      'output_expires_after.seconds',
    ],
  ])('refuses %j', async (wish, code, param) => {
    const { create } = set();
    const { status, json } = await create(line('a'), wish);
    expect([status, json.error.code, json.error.param]).toEqual([400, code, param]);
  });

  it('leaves the key of a refused call to the call that is mended', async () => {
    const { upload, call } = set();
    const terms = { endpoint: '/v1/chat/completions', completion_window: '24h' };
    const key = { 'idempotency-key': 'mine' };
    const send = (id: string) => call('/v1/batches', post({ input_file_id: id, ...terms }, key));
    expect((await send('file-x')).json.error.code).toBe('invalid_input_file');
    const { json } = await upload(line('a'));
    const made = await send(json.id);
    expect(made.status).toBe(200);
    // Known by its key, whatever has become of the file.
    await call(`/v1/files/${json.id}`, { method: 'DELETE' });
    expect((await send(json.id)).json.id).toBe(made.json.id);
    expect((await send('file-x')).status).toBe(422);
  });

  it('refuses a file that is for something else', async () => {
    const { upload, call } = set();
    const { json } = await upload(line('a'), 'user_data');
    const body = {
      input_file_id: json.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    };
    expect((await call('/v1/batches', post(body))).json.error.code).toBe('invalid_file_purpose');
  });

  it('warns of a window that cannot be met, and fails under strict', async () => {
    const models = [chatModel({ limits: { perMinute: { requests: 1 } } })];
    const text = Array.from({ length: 30 }, (_, index) => line(`r-${index}`)).join('\n');
    const window = { completion_window: '5m' };
    const warned = await set({ models }).ended(text, window);
    expect(warned.x_penstock.warnings[0].code).toBe('completion_window_unreachable');
    expect(warned.status).toBe('completed');
    const strict = { ...window, x_penstock: { strict: true } };
    const failed = await set({ models }).ended(text, strict);
    expect(failed).toMatchObject({
      status: 'failed',
      errors: { data: [{ code: 'completion_window_unreachable', line: null }] },
    });
    const byMetadata = { ...window, metadata: { penstock_strict: 'true' } };
    expect((await set({ models }).ended(text, byMetadata)).status).toBe('failed');
  });

  it('lets bad lines fail alone, and urls be mixed, where that is asked for', async () => {
    const { ended, call } = set();
    const text = [
      line('a'),
      'nonsense',
      line('b', { url: '/v1/embeddings' }),
      line('c', {}, { stream: true }),
    ].join('\n');
    const batch = await ended(text, {
      x_penstock: { bad_lines: 'skip', mixed_endpoints: true },
    });
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 4, completed: 2, failed: 2 },
    });
    const { text: errors } = await call(`/v1/files/${batch.error_file_id}/content`);
    expect(
      errors
        .trimEnd()
        .split('\n')
        .map((row) => JSON.parse(row)),
    ).toMatchObject([
      { custom_id: null, response: { status_code: 400 } },
      { custom_id: 'c', response: { body: { error: { param: 'stream' } } } },
    ]);
  });

  it('expires with what was not answered in the error file, and lets go of output in time', async () => {
    const { clock, create, call, settleBatches } = set({ script: () => 'hold' });
    const { json } = await create([line('a'), line('b')].join('\n'), {
      completion_window: '1h',
      output_expires_after: { anchor: 'created_at', seconds: 3_600 },
    });
    await settleBatches();
    expect((await call(`/v1/batches/${json.id}`)).json.status).toBe('in_progress');
    await clock.runUntil(clock.sleep(HOUR_MS + 61_000));
    await settleBatches();
    const { json: batch } = await call(`/v1/batches/${json.id}`);
    expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 2, failed: 2 } });
    expect(batch.expired_at).toBeGreaterThanOrEqual(batch.expires_at);
    const file = `/v1/files/${batch.error_file_id}`;
    const rows = (await call(`${file}/content`)).text.trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row).error.code)).toEqual([
      'batch_expired',
      'batch_expired',
    ]);
    await clock.runUntil(clock.sleep(HOUR_MS));
    expect((await call(file)).status).toBe(404);
  });
});

describe('/v1/files', () => {
  it('expire, and refuse what is no file or too large', async () => {
    const { clock, upload, call } = set({ maxFileBytes: 200_000 });
    const expiry = { 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '3600' };
    const { json } = await upload('{}\n', 'batch', expiry);
    expect(json.expires_at).toBe(json.created_at + 3_600);
    await clock.runUntil(clock.sleep(HOUR_MS));
    expect((await call(`/v1/files/${json.id}`)).status).toBe(404);
    expect((await call('/v1/files')).json.data).toEqual([]);
    const large = await upload('x'.repeat(300_000));
    expect([large.status, large.json.error.message]).toEqual([
      413,
      expect.stringContaining('/v1/uploads'),
    ]);
    expect((await upload('x', 'nothing')).json.error.param).toBe('purpose');
    expect((await call('/v1/files', post({}))).status).toBe(415);
    expect((await call('/v1/files?limit=0')).json.error.param).toBe('limit');
  });
});
