import { createHash } from 'node:crypto';
import { BadRequestError, NotFoundError, toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { openAiClient, post, rejection, row, startFrozen, submit, upload } from './harness.ts';

test('a file is kept, shown, listed, read and deleted', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const { data: file, response } = await client.files
    .create({ file: await toFile(Buffer.from(row('a')), 'in.jsonl'), purpose: 'batch' })
    .withResponse();
  expect(JSON.stringify(file)).toBe(
    JSON.stringify({
      object: 'file',
      id: file.id,
      purpose: 'batch',
      filename: 'in.jsonl',
      bytes: row('a').length,
      created_at: 1_700_000_000,
      expires_at: null,
      status: 'processed',
      status_details: null,
    }),
  );
  expect(file.id).toMatch(/^file-[0-9a-f]{22}$/);
  expect(response.headers.get('openai-version')).toBe('2020-10-01');
  expect(response.headers.get('x-ratelimit-limit-requests')).toBeNull();
  // The reply to the upload knows no expiry, a later look does.
  const shown = await client.files.retrieve(file.id);
  expect(shown).toEqual({ ...file, expires_at: 1_702_592_000 });
  const content = await client.files.content(file.id);
  expect(await content.text()).toBe(row('a'));
  expect(content.headers.get('content-type')).toBe('application/octet-stream');
  expect(content.headers.get('content-disposition')).toBe('attachment; filename="in.jsonl"');
  expect(await client.files.delete(file.id)).toEqual({
    object: 'file',
    deleted: true,
    id: file.id,
  });
  for (const gone of [
    client.files.retrieve(file.id),
    client.files.content(file.id),
    client.files.delete(file.id),
  ]) {
    const error = await rejection(gone);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ error: { type: 'invalid_request_error', param: 'id' } });
  }
});

test('lists go newest first or in order, by purpose, page by page', async () => {
  const client = openAiClient(await startFrozen());
  const names: string[] = [];
  for (const name of ['1.jsonl', '2.jsonl', '3.jsonl']) {
    await upload(client, [row('a')], name);
    names.push(name);
  }
  await client.files.create({ file: new File(['x'], 'note.txt'), purpose: 'user_data' });
  const listed = async (query: object) => {
    const found: string[] = [];
    for await (const { filename } of client.files.list(query)) found.push(filename);
    return found;
  };
  expect(await listed({ purpose: 'batch' })).toEqual(names.toReversed());
  expect(await listed({ purpose: 'batch', order: 'asc', limit: 2 })).toEqual(names);
  expect(await listed({})).toEqual(['note.txt', ...names.toReversed()]);
  const refused = client.files.list({ limit: 10_001 });
  expect(await rejection(refused)).toBeInstanceOf(BadRequestError);
});

test('a file goes when its time is over', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const file = await client.files.create({
    file: await toFile(Buffer.from(row('a')), 'in.jsonl'),
    purpose: 'batch',
    expires_after: { anchor: 'created_at', seconds: 3_600 },
  });
  expect(file.expires_at).toBe(1_700_003_600);
  await simulator.advance(3_600_000);
  expect(await rejection(client.files.retrieve(file.id))).toBeInstanceOf(NotFoundError);
  expect(simulator.stats().files).toMatchObject({ uploaded: 1, expired: 1, stored: 0 });
});

describe('what an upload is refused for', () => {
  async function send(fields: Record<string, string | File>, options = {}) {
    const simulator = await startFrozen(options);
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const response = await fetch(`${simulator.url}/v1/files`, { method: 'POST', body });
    return [response.status, await response.json()];
  }
  const file = new File([row('a')], 'in.jsonl');
  const error = (param: string | null) => ({
    error: { message: expect.any(String), type: 'invalid_request_error', param, code: null },
  });

  test('neither file nor purpose, or no form at all', async () => {
    expect(await send({ purpose: 'batch' })).toEqual([400, error('file')]);
    expect(await send({ file })).toEqual([400, error('purpose')]);
    expect(await send({ file, purpose: 'fun' })).toEqual([400, error(null)]);
    const simulator = await startFrozen();
    expect((await post(simulator, '/v1/files', { purpose: 'batch' })).status).toBe(400);
  });

  test('a name that is not .jsonl, and a file too large for a batch', async () => {
    const text = new File([row('a')], 'in.json');
    expect(await send({ file: text, purpose: 'batch' })).toEqual([400, error(null)]);
    const batches = { maxInputBytes: 10 };
    expect(await send({ file, purpose: 'batch' }, { batches })).toEqual([400, error(null)]);
    expect(await send({ file, purpose: 'user_data' }, { batches })).toMatchObject([200, {}]);
  });

  test('an expiry out of range', async () => {
    const purpose = 'batch';
    const anchor = { 'expires_after[anchor]': 'created_at' };
    const short = await send({ file, purpose, ...anchor, 'expires_after[seconds]': '60' });
    expect(short).toMatchObject([400, { error: { param: 'expires_after.seconds' } }]);
    const other = await send({ file, purpose, 'expires_after[anchor]': 'last_active_at' });
    expect(other).toMatchObject([400, { error: { param: 'expires_after.anchor' } }]);
  });
});

describe('uploads in parts', () => {
  const text = `${row('a')}\n${row('b')}\n`;
  const halves = [text.slice(0, 100), text.slice(100)];

  async function begin() {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const created = await client.uploads.create({
      bytes: text.length,
      filename: 'in.jsonl',
      mime_type: 'application/jsonl',
      purpose: 'batch',
    });
    return { simulator, client, created };
  }

  test('make a file that a batch can be made of', async () => {
    const { simulator, client, created } = await begin();
    expect(created).toMatchObject({
      object: 'upload',
      status: 'pending',
      expires_at: 1_700_003_600,
    });
    const parts: string[] = [];
    // Sent in the wrong order; completion says the right one.
    for (const half of halves.toReversed()) {
      const part = await client.uploads.parts.create(created.id, { data: new File([half], 'p') });
      expect(part).toMatchObject({ object: 'upload.part', upload_id: created.id });
      parts.unshift(part.id);
    }
    const md5 = createHash('md5').update(text).digest('hex');
    const done = await client.uploads.complete(created.id, { part_ids: parts, md5 });
    expect(done).toMatchObject({
      status: 'completed',
      file: { bytes: text.length, purpose: 'batch' },
    });
    const content = await client.files.content(done.file?.id ?? '');
    expect(await content.text()).toBe(text);
    const batch = await client.batches.create({
      input_file_id: done.file?.id ?? '',
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    await simulator.advance(10_000);
    expect((await client.batches.retrieve(batch.id)).request_counts?.completed).toBe(2);
  });

  test('are refused with bytes missing, unknown parts, a wrong checksum, or after the end', async () => {
    const { client, created } = await begin();
    const part = await client.uploads.parts.create(created.id, { data: new File([text], 'p') });
    const complete = (part_ids: string[], md5?: string) =>
      rejection(client.uploads.complete(created.id, { part_ids, ...(md5 && { md5 }) }));
    expect(await complete([])).toBeInstanceOf(BadRequestError);
    expect(await complete(['part_x'])).toBeInstanceOf(BadRequestError);
    expect(await complete([part.id], 'f00d')).toBeInstanceOf(BadRequestError);
    expect(await client.uploads.cancel(created.id)).toMatchObject({ status: 'cancelled' });
    expect(await complete([part.id])).toBeInstanceOf(BadRequestError);
    expect(await rejection(client.uploads.cancel('upload_x'))).toBeInstanceOf(NotFoundError);
  });

  test('end after an hour', async () => {
    const { simulator, client, created } = await begin();
    await simulator.advance(3_600_000);
    const late = client.uploads.parts.create(created.id, { data: new File([text], 'p') });
    expect(String(await rejection(late))).toContain('is expired');
  });
});

test('a name that no header takes is written otherwise', async () => {
  const client = openAiClient(await startFrozen());
  const { id, filename } = await upload(client, [row('a')], '日本 "1".jsonl');
  expect(filename).toBe('日本 "1".jsonl');
  const content = await client.files.content(id);
  expect(content.headers.get('content-disposition')).toBe('attachment; filename="__ _1_.jsonl"');
});

test('a batch outlives its input file', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const { id, input_file_id } = await submit(client, [row('a')]);
  await client.files.delete(input_file_id);
  await simulator.advance(10_000);
  expect((await client.batches.retrieve(id)).status).toBe('completed');
});
