/** What goes over the wire, and recorded shapes of what comes back. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNativeProvider } from '../../../shared/adapters/providers/native/create-native-provider.ts';
import type { NativeBatchView } from '../../../shared/domain/native/native-batch.ts';
import type { NativeBatchProvider } from '../../../shared/ports/native-batch-provider.ts';
import { type HostileServer, reply, startHostileServer } from '../../support/hostile-server.ts';
import {
  API_KEY,
  createScripted,
  DIALECTS,
  type DialectName,
  endedBatch,
  goodLine,
  inputFor,
  isEnd,
  NEVER,
  readAll,
} from './scripted.ts';
import { must } from './suite.ts';

let server: HostileServer;
let providers: Map<DialectName, NativeBatchProvider>;
beforeAll(async () => {
  server = await startHostileServer();
  providers = new Map(DIALECTS.map((dialect) => [dialect, createScripted(dialect, server.url)]));
});
afterAll(async () => {
  for (const provider of providers.values()) await provider.close();
  await server.close();
});
beforeEach(() => {
  server.requests.length = 0;
});

const of = (dialect: DialectName): NativeBatchProvider => {
  const provider = providers.get(dialect);
  if (provider === undefined) throw new Error(dialect);
  return provider;
};
const answer = (body: unknown, headers: Record<string, string> = {}): void =>
  server.behave(reply(200, JSON.stringify(body), headers));
const lastRequest = () => {
  const request = server.requests.at(-1);
  if (request === undefined) throw new Error('Nothing was sent.');
  return request;
};
const BODIES = [
  { model: 'ours', messages: [{ role: 'user', content: 'a\u2028b\nc' }], stop: ['é'] },
  { model: 'ours', messages: [{ role: 'user', content: '{"x": 1e400}' }] },
];

/** The upload as a server's form parser sees it. */
async function uploadedBy(dialect: DialectName) {
  answer({ id: 'file-in', object: 'file' });
  const id = must(await of(dialect).upload(inputFor(dialect, BODIES), NEVER));
  const { path, headers, body } = lastRequest();
  const form = await new Response(body, {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData();
  const file = form.get('file');
  if (!(file instanceof File)) throw new Error('There is no file.');
  const fields = Object.fromEntries([...form].filter(([name]) => name !== 'file'));
  return { id, path, headers, fields, name: file.name, text: await file.text() };
}

async function createdBy(dialect: DialectName) {
  answer(endedBatch(dialect));
  const view = must(await of(dialect).create(inputFor(dialect, BODIES), 'file-in', NEVER));
  const { path, headers, body } = lastRequest();
  return { view, path, headers, body: JSON.parse(body) };
}

const EXPIRING = {
  purpose: 'batch',
  'expires_after[anchor]': 'created_at',
  'expires_after[seconds]': '1209600',
};
const OUTPUT_EXPIRY = { anchor: 'created_at', seconds: 2_592_000 };

describe('uploads', () => {
  const uploads: [dialect: DialectName, path: string, url: string | undefined, fields: object][] = [
    ['openai', '/v1/files', '/v1/chat/completions', EXPIRING],
    ['compatible', '/v1/files', '/v1/chat/completions', { purpose: 'batch' }],
    ['azure', '/openai/v1/files', '/v1/chat/completions', EXPIRING],
    ['azure dated', '/openai/files?api-version=2024-10-21', '/chat/completions', EXPIRING],
    ['mistral', '/v1/files', undefined, { purpose: 'batch' }],
  ];
  it.each(uploads)('of %s are JSON lines in a form', async (dialect, path, url, fields) => {
    const sent = await uploadedBy(dialect);
    expect(sent.id).toBe('file-in');
    expect(sent.path).toBe(path);
    expect(sent.fields).toEqual(fields);
    expect(sent.name).toBe('penstock-job-1.jsonl');
    expect(sent.headers['transfer-encoding']).toBe('chunked');
    expect(sent.text.endsWith('\n')).toBe(true);
    expect(sent.text).not.toMatch(/[\u2028\u2029\ufeff]/);
    const lines = sent.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { model: _first, ...first } = BODIES[0] ?? {};
    expect(lines).toHaveLength(2);
    expect(lines[0]).toEqual(
      url === undefined
        ? { custom_id: 'n0nce_0', body: first }
        : { custom_id: 'n0nce_0', method: 'POST', url, body: { ...first, model: 'deployed' } },
    );
  });

  it('are none where rows travel with the batch', async () => {
    expect(must(await of('anthropic').upload(inputFor('anthropic', BODIES), NEVER))).toBeNull();
    expect(server.requests).toHaveLength(0);
  });

  it('end at the size that is taken, and leave no file behind', async () => {
    const small = createScripted('openai', server.url, { batchLimits: { mostBytes: 200 } });
    answer({ id: 'file-in' });
    const outcome = await small.upload(inputFor('openai', BODIES), NEVER);
    await small.close();
    expect(outcome).toMatchObject({
      kind: 'failed',
      code: 'payload_too_large',
      isAmbiguous: false,
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe('creates', () => {
  const mark = { penstock_job: 'job-1' };
  const openAi = { input_file_id: 'file-in', completion_window: '24h', metadata: mark };
  const creates: [dialect: DialectName, path: string, body: object][] = [
    [
      'openai',
      '/v1/batches',
      { ...openAi, endpoint: '/v1/chat/completions', output_expires_after: OUTPUT_EXPIRY },
    ],
    ['compatible', '/v1/batches', { ...openAi, endpoint: '/v1/chat/completions' }],
    [
      'azure',
      '/openai/v1/batches',
      { ...openAi, endpoint: '/v1/chat/completions', output_expires_after: OUTPUT_EXPIRY },
    ],
    [
      'azure dated',
      '/openai/batches?api-version=2024-10-21',
      { ...openAi, endpoint: '/chat/completions' },
    ],
    [
      'mistral',
      '/v1/batch/jobs',
      {
        input_files: ['file-in'],
        model: 'deployed',
        endpoint: '/v1/chat/completions',
        metadata: mark,
        timeout_hours: 24,
      },
    ],
    [
      'anthropic',
      '/v1/messages/batches',
      {
        requests: BODIES.map((body, row) => ({
          custom_id: `n0nce_${row}`,
          params: { ...body, model: 'deployed' },
        })),
      },
    ],
  ];
  it.each(creates)('of %s say what is to be run', async (dialect, path, body) => {
    const sent = await createdBy(dialect);
    expect(sent.path).toBe(path);
    expect(sent.body).toEqual(body);
    expect(sent.headers['content-type']).toBe('application/json');
    expect(sent.view.jobId).toBe(dialect === 'anthropic' ? null : 'job-1');
  });

  it('tell which row a refusal names', async () => {
    const error = { type: 'invalid_request_error', message: 'requests.1.params: too deep' };
    server.behave(reply(400, JSON.stringify({ type: 'error', error })));
    const outcome = await of('anthropic').create(inputFor('anthropic', BODIES), null, NEVER);
    expect(outcome).toMatchObject({
      code: 'provider_rejected',
      faults: [{ code: 'invalid_request_error', line: 2 }],
    });
  });

  const laters: [what: string, status: number, error: object, code: string][] = [
    [
      'a file Azure has not looked at',
      400,
      {
        message:
          "The input file 'file-28' is in 'pending' state. Only files with status 'Processed' are accepted",
      },
      'capacity_exhausted',
    ],
    [
      'too many files',
      400,
      { code: 'quotaExceeded', message: 'max 500 files' },
      'capacity_exhausted',
    ],
    ['a file that is not there', 404, { message: 'Input file not found' }, 'not_found'],
    ['a deployment that is not there', 404, { code: 'DeploymentNotFound' }, 'provider_rejected'],
    [
      'a full queue',
      429,
      { type: 'rate_limit_error', message: 'Too many queued' },
      'provider_throttled',
    ],
  ];
  it.each(laters)('tell %s', async (_what, status, error, code) => {
    server.behave(reply(status, JSON.stringify({ error })));
    const outcome = await of('azure').create(inputFor('azure', BODIES), 'file-28', NEVER);
    expect(outcome).toMatchObject({ kind: 'failed', code, isAmbiguous: false });
  });

  it('tell an address without batches', async () => {
    server.behave(reply(404, '<html>no such page</html>'));
    const outcome = await of('compatible').upload(inputFor('compatible', BODIES), NEVER);
    expect(outcome).toMatchObject({ code: 'unsupported_endpoint' });
    for await (const page of of('compatible').list(0, NEVER)) {
      expect(page).toMatchObject({ code: 'unsupported_endpoint' });
    }
  });
});

describe('batches', () => {
  const changed = async (dialect: DialectName, changes: object): Promise<NativeBatchView> => {
    answer({ ...endedBatch(dialect), ...changes });
    return must(await of(dialect).get('x/../y', NEVER));
  };

  it('are asked for at addresses that ids cannot bend', async () => {
    await changed('openai', {});
    expect(lastRequest()).toMatchObject({ method: 'GET', path: '/v1/batches/x%2F..%2Fy' });
  });

  const statuses: [DialectName, string, NativeBatchView['end'], boolean][] = [
    ['openai', 'validating', null, false],
    ['openai', 'in_progress', null, false],
    ['openai', 'finalizing', null, false],
    ['openai', 'cancelling', null, true],
    ['openai', 'failed', 'failed', false],
    ['openai', 'completed', 'completed', false],
    ['openai', 'expired', 'expired', false],
    ['openai', 'cancelled', 'cancelled', false],
    ['openai', 'canceled', 'cancelled', false],
    ['openai', 'hibernating', null, false],
    ['azure', 'Completed', 'completed', false],
    ['azure', 'InProgress', null, false],
    ['azure', 'Cancelling', null, true],
    ['mistral', 'QUEUED', null, false],
    ['mistral', 'RUNNING', null, false],
    ['mistral', 'SUCCESS', 'completed', false],
    ['mistral', 'FAILED', 'failed', false],
    ['mistral', 'TIMEOUT_EXCEEDED', 'expired', false],
    ['mistral', 'CANCELLATION_REQUESTED', null, true],
    ['mistral', 'CANCELLED', 'cancelled', false],
    ['mistral', 'PAUSED', null, false],
  ];
  it.each(statuses)('of %s with status %s', async (dialect, status, end, isCancelling) => {
    const view = await changed(dialect, { status });
    expect(view).toMatchObject({ end, isCancelling, rawStatus: status });
    expect(view.outputs).toHaveLength(end === null ? 0 : 1);
  });

  const ends: [status: string, changes: object, end: NativeBatchView['end']][] = [
    ['in_progress', {}, null],
    ['canceling', { cancel_initiated_at: '2026-01-01T00:00:30Z' }, null],
    ['ended', {}, 'completed'],
    ['ended', { cancel_initiated_at: '2026-01-01T00:00:30Z' }, 'cancelled'],
    ['ended', { request_counts: { succeeded: 1, expired: 1 } }, 'expired'],
    ['resting', {}, null],
  ];
  it.each(ends)('of anthropic with status %s, %j', async (status, changes, end) => {
    const view = await changed('anthropic', { processing_status: status, ...changes });
    expect(view).toMatchObject({ end, isCancelling: status === 'canceling' });
    expect(view.outputs).toEqual(end === null ? [] : ['msgbatch_1']);
  });

  it('of anthropic past their life have no outputs', async () => {
    const view = await changed('anthropic', { archived_at: '2026-02-01T00:00:00Z' });
    expect(view).toMatchObject({ end: 'completed', outputs: [] });
  });

  const files: [output: unknown, error: unknown, outputs: string[]][] = [
    ['file-o', 'file-e', ['file-o', 'file-e']],
    ['file-o', null, ['file-o']],
    [null, 'file-e', ['file-e']],
    [null, null, []],
    ['file-o', '', ['file-o']],
    ['', '', []],
    [undefined, undefined, []],
    ['file-o', 'file-o', ['file-o']],
    [7, { id: 'x' }, []],
  ];
  it.each(files)('with output %j and errors %j', async (output, error, outputs) => {
    const changes = { output_file_id: output, error_file_id: error };
    for (const status of ['completed', 'failed', 'expired', 'cancelled']) {
      expect((await changed('openai', { ...changes, status })).outputs).toEqual(outputs);
    }
    const view = await changed('mistral', { output_file: output, error_file: error });
    expect(view.outputs).toEqual(outputs);
  });

  it('may say little, or say it oddly', async () => {
    answer({ id: 'batch_1', status: null });
    const bare = must(await of('azure').get('batch_1', NEVER));
    expect(bare).toMatchObject({ id: 'batch_1', end: null, counts: null, outputs: [], faults: [] });
    expect(Math.abs(bare.createdAtMs - Date.now())).toBeLessThan(5_000);
    const odd = await changed('azure', {
      created_at: '2026-01-01T00:00:00+00:00',
      expires_at: '1767312000',
      request_counts: { total: null, completed: null, failed: null },
      metadata: null,
      input_file_id: '',
    });
    expect(odd).toMatchObject({
      createdAtMs: 1_767_225_600_000,
      expiresAtMs: 1_767_312_000_000,
      counts: null,
      jobId: null,
      inputFileId: null,
    });
  });

  it('say why they were refused, and after how long to look again', async () => {
    const errors = {
      object: 'list',
      data: [
        { code: 'token_limit_exceeded', message: 'Enqueued token limit', param: null, line: null },
        { code: 'Invalid_JSON_Line', message: 'bad', line: 3 },
        'oddity',
      ],
    };
    answer({ ...endedBatch('openai'), status: 'failed', errors }, { 'retry-after': '10' });
    const view = must(await of('openai').get('batch_1', NEVER));
    expect(view.retryAfterMs).toBe(10_000);
    expect(view.faults).toEqual([
      { code: 'token_limit_exceeded', message: 'Enqueued token limit', line: null },
      { code: 'invalid_json_line', message: 'bad', line: 3 },
    ]);
    const mistral = await changed('mistral', { errors: [{ message: 'no such model', count: 2 }] });
    expect(mistral.faults).toEqual([{ code: '', message: 'no such model', line: null }]);
  });

  it('that cannot be cancelled are not gone', async () => {
    const going = { ...endedBatch('openai'), status: 'in_progress' };
    server.behave((socket, request) => {
      const isCancel = request.method === 'POST';
      const body = isCancel ? { error: { message: 'Unknown route' } } : going;
      reply(isCancel ? 404 : 200, JSON.stringify(body))(socket, request);
    });
    expect(must(await of('openai').cancel('batch_1', NEVER))).toMatchObject({ end: null });
  });

  it('that end when they are to be cancelled count as ended', async () => {
    server.behave((socket, request) => {
      const isCancel = request.method === 'POST';
      const body = isCancel ? { error: { message: 'Cannot cancel' } } : endedBatch('openai');
      reply(isCancel ? 409 : 200, JSON.stringify(body))(socket, request);
    });
    expect(must(await of('openai').cancel('batch_1', NEVER))).toMatchObject({ end: 'completed' });
    answer({ ...endedBatch('openai'), status: 'in_progress' });
    server.behave((socket, request) => {
      const isCancel = request.method === 'POST';
      const going = { ...endedBatch('openai'), status: 'in_progress' };
      const body = isCancel ? { error: { message: 'Cannot cancel' } } : going;
      reply(isCancel ? 400 : 200, JSON.stringify(body))(socket, request);
    });
    const refused = await of('openai').cancel('batch_1', NEVER);
    expect(refused).toMatchObject({ kind: 'failed', code: 'provider_rejected' });
  });
});

describe('lists', () => {
  const at = (seconds: number, id: string) => ({
    ...endedBatch('openai'),
    id,
    created_at: 1_767_225_600 + seconds,
  });
  const SINCE = 1_767_225_600_000;
  /** One answer after the other. */
  const script = (...pages: object[]): void => {
    let next = 0;
    server.behave((socket, request) => {
      reply(200, JSON.stringify(pages[next] ?? {}))(socket, request);
      next += 1;
    });
  };
  const listed = async (dialect: DialectName): Promise<string[]> => {
    const all: string[] = [];
    for await (const page of of(dialect).list(SINCE, NEVER)) {
      all.push(...(page.kind === 'done' ? page.value.map(({ id }) => id) : [page.code]));
    }
    return all;
  };

  it('follow `after`, and stop at what is too old', async () => {
    script(
      { data: [at(900, 'b4'), at(800, 'b3')], has_more: true, last_id: 'b3' },
      { value: [at(700, 'b2'), at(-900, 'b1')], has_more: true },
    );
    expect(await listed('openai')).toEqual(['b4', 'b3', 'b2']);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/v1/batches?limit=100',
      '/v1/batches?limit=100&after=b3',
    ]);
  });

  it('are read to their end where they are in no order', async () => {
    script(
      { data: [at(-900, 'b1'), at(800, 'b3')], has_more: true },
      { data: [at(-800, 'b2')], has_more: true },
      { data: [at(900, 'b4')], has_more: false },
    );
    expect(await listed('azure dated')).toEqual(['b3', 'b4']);
    expect(server.requests[1]?.path).toBe(
      '/openai/batches?api-version=2024-10-21&limit=100&after=b3',
    );
  });

  it('follow `after_id` at anthropic', async () => {
    const one = (id: string) => ({ ...endedBatch('anthropic'), id });
    script(
      { data: [one('m2')], has_more: true, first_id: 'm2', last_id: 'm2' },
      { data: [one('m1')], has_more: false, first_id: 'm1', last_id: 'm1' },
    );
    expect(await listed('anthropic')).toEqual(['m2', 'm1']);
    expect(server.requests[1]?.path).toBe('/v1/messages/batches?limit=100&after_id=m2');
  });

  it('count pages at mistral', async () => {
    const one = (id: string) => ({ ...endedBatch('mistral'), id });
    const full = Array.from({ length: 100 }, (_, number) => one(`j${number}`));
    script({ data: full, total: 101 }, { data: [one('last')], total: 101 });
    expect(await listed('mistral')).toHaveLength(101);
    const paths = server.requests.map(({ path }) => new URLSearchParams(path.split('?')[1]));
    expect(paths.map((query) => query.get('page'))).toEqual(['0', '1']);
    expect(paths[1]?.get('created_after')).toBe('2025-12-31T23:58:00.000Z');
  });

  it('that turn in a circle, or are none, end with a failure', async () => {
    const page = { data: [at(900, 'b1')], has_more: true, last_id: 'b1' };
    script(page, page, page, page);
    expect(await listed('openai')).toEqual(['b1', 'b1', 'provider_malformed']);
    script({ object: 'list' });
    expect(await listed('openai')).toEqual(['provider_malformed']);
    script([]);
    expect(await listed('openai')).toEqual(['provider_malformed']);
  });

  it('may hold entries that are no batches', async () => {
    script({ data: [null, 'x', {}, at(1, 'b1'), { id: '' }], has_more: false });
    expect(await listed('openai')).toEqual(['b1']);
  });
});

describe('rows', () => {
  it.each(DIALECTS)('of %s are read where the batch says', async (dialect) => {
    server.behave(reply(200, `${goodLine(dialect, 'r1')}\n`));
    const [row] = await readAll(of(dialect), dialect);
    expect(row).toMatchObject({
      kind: 'answered',
      rowId: 'r1',
      usage: { inputTokens: 10, outputTokens: 3 },
      finishReason: dialect === 'anthropic' ? 'end_turn' : 'stop',
    });
    const path = {
      openai: '/v1/files/out-1/content',
      compatible: '/v1/files/out-1/content',
      mistral: '/v1/files/out-1/content',
      azure: '/openai/v1/files/out-1/content',
      'azure dated': '/openai/files/out-1/content?api-version=2024-10-21',
      anthropic: '/v1/messages/batches/out-1/results',
    }[dialect];
    expect(lastRequest()).toMatchObject({ method: 'GET', path });
    expect(JSON.stringify(lastRequest().headers)).toContain(API_KEY);
  });

  it('of an empty file are none', async () => {
    server.behave(reply(200, ''));
    expect(await readAll(of('azure'), 'azure')).toEqual([]);
    server.behave(reply(200, '\ufeff\r\n\n  \n'));
    expect(await readAll(of('azure'), 'azure')).toEqual([]);
  });

  it('mask the key, should a row quote it', async () => {
    const line = goodLine('openai', 'r1').replace('Blue.', `Your key is ${API_KEY}`);
    server.behave(reply(200, line));
    const rows = await readAll(of('openai'), 'openai');
    expect(rows.some(isEnd)).toBe(false);
    expect(JSON.stringify(rows)).not.toContain(API_KEY);
  });
});

describe('settings', () => {
  const CLOCK = { nowMs: () => 0, sleep: () => Promise.resolve() };
  const limitsOf = (baseUrl?: string) =>
    createNativeProvider('p', { dialect: 'openai', apiKey: null, baseUrl }, { clock: CLOCK })
      .limits;

  it('choose Mistral by its host, and take limits', () => {
    expect(limitsOf().mostRows).toBe(50_000);
    expect(limitsOf('https://api.groq.com/openai/v1').mostBytes).toBe(200_000_000);
    expect(limitsOf('https://api.mistral.ai/v1').mostBytes).toBe(512_000_000);
    expect(limitsOf('https://mistral.ai.evil.example/v1').mostBytes).toBe(200_000_000);
    const { limits } = createScripted('anthropic', 'http://localhost', {
      batchLimits: { mostRows: 5 },
    });
    expect(limits).toMatchObject({ mostRows: 5, mostBytes: 256_000_000 });
  });

  it('are checked', () => {
    const create = () =>
      createNativeProvider(
        'p',
        { dialect: 'openai', apiKey: 'a\nb', baseUrl: 'https://x' },
        { clock: CLOCK },
      );
    expect(create).toThrow('providers.p.apiKey');
  });
});
