import { describe, expect, it } from 'vitest';
import { MAX_UPLOAD_PARTS } from '../../../../shared/contracts/limits.ts';
import { DEFAULT_TENANT } from '../../../../shared/domain/api-key.ts';
import { createManageFiles } from '../../../../shared/usecases/files/manage-files.ts';
import { type ApiSetUp, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { addressesIn, MemoryContents } from '../../../support/memory-contents.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

const HOUR_MS = 3_600_000;

function start(setUp: Partial<ApiSetUp> = {}) {
  const clock = new FakeClock();
  const api = startApi({ clock, ...setUp });
  const call = async (path: string, init?: RequestInit) => {
    const response = await api.app.request(path, init);
    return { status: response.status, json: JSON.parse(await response.text()) };
  };
  const send = async (path: string, fields: Readonly<Record<string, string | File>>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const sent = new Response(form);
    const headers = { 'content-type': sent.headers.get('content-type') ?? '' };
    return call(path, { method: 'POST', headers, body: await sent.arrayBuffer() });
  };
  /** An upload of which all parts have come. */
  const uploaded = async (pieces: readonly Uint8Array<ArrayBuffer>[], purpose = 'batch') => {
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const wish = { bytes, filename: 'in.jsonl', mime_type: 'application/jsonl', purpose };
    const { json } = await call('/v1/uploads', post(wish));
    const ids: string[] = [];
    for (const piece of pieces) {
      const part = await send(`/v1/uploads/${json.id}/parts`, { data: new File([piece], 'part') });
      ids.push(part.json.id);
    }
    const complete = () => call(`/v1/uploads/${json.id}/complete`, post({ part_ids: ids }));
    return { id: json.id, complete };
  };
  const files = async () => (await call('/v1/files')).json.data.map(({ id }: { id: string }) => id);
  return { ...api, clock, call, send, uploaded, files };
}

const PIECES = [new Uint8Array([0xff, 0xfe]), new Uint8Array([0x00, 0x80, 0x0a])];

describe('ids and cursors', () => {
  const long = 'x'.repeat(257);

  it.each([
    `/v1/files/${long}`,
    `/v1/files/${long}/content`,
    `/v1/batches/${long}`,
    `/v1/messages/batches/${long}`,
    `/v1/messages/batches/${long}/results`,
    `/v1/webhooks/${long}`,
    `/v1/requests/${long}`,
  ])('that no store could hold are not found: %s', async (path) => {
    const { status, json } = await start().call(path);
    expect([status, JSON.stringify(json)]).toEqual([404, expect.stringContaining('256')]);
  });

  it.each([
    ['/v1/files?after=', '/v1/files?after='],
    ['/v1/batches?after=', '/v1/batches?after='],
    ['/v1/messages/batches?after_id=', '/v1/messages/batches?before_id='],
  ])('left empty begin at the beginning, and too long are refused: %s', async (one, other) => {
    const { call, send } = start();
    const { json } = await send('/v1/files', {
      purpose: 'batch',
      file: new File(['{}\n'], 'in.jsonl'),
    });
    const terms = { endpoint: '/v1/chat/completions', completion_window: '24h' };
    await call('/v1/batches', post({ input_file_id: json.id, ...terms }));
    const params = { model: 'claude-x', max_tokens: 8, messages: [] };
    await call('/v1/messages/batches', post({ requests: [{ custom_id: 'a', params }] }));
    for (const path of [one, other]) {
      expect((await call(path)).json.data).toHaveLength(1);
      const { status, json: refusal } = await call(`${path}${long}`);
      expect([status, refusal.error.message]).toEqual([400, expect.stringContaining('longer')]);
    }
  });
});

describe('files', () => {
  it('have names that a header bears', async () => {
    const { send, call } = start();
    const name = `${'x'.repeat(250)}.jsonl`;
    const file = new File(['{}'], name);
    const { status, json } = await send('/v1/files', { purpose: 'batch', file });
    expect([status, json.error.code, json.error.param]).toEqual([
      400,
      'string_above_max_length',
      'filename',
    ]);
    const wish = { bytes: 1, filename: name, mime_type: 'text/plain', purpose: 'batch' };
    expect((await call('/v1/uploads', post(wish))).status).toBe(400);
  });

  it('that are no text pass a gateway only by their address, and go whole when deleted', async () => {
    const contents = new MemoryContents();
    const world = start({ contents, addresses: addressesIn(contents) });
    const { complete } = await world.uploaded(PIECES, 'user_data');
    const { id } = (await complete()).json.file;
    const answer = await world.app.request(`/v1/files/${id}/content`);
    expect(answer.status).toBe(307);
    const blob = answer.headers.get('location')?.split('/').at(-1) ?? '';
    const whole = await contents.read(DEFAULT_TENANT, blob, 0, 9);
    expect(Buffer.from(whole ?? [])).toEqual(Buffer.concat(PIECES));
    await world.call(`/v1/files/${id}`, { method: 'DELETE' });
    expect(contents.blobs.size).toBe(0);
  });
});

describe('an upload', () => {
  it('makes one file, completed by many at once', async () => {
    const { uploaded, files } = start();
    const { complete } = await uploaded(PIECES);
    const answers = await Promise.all([complete(), complete(), complete()]);
    const ids = answers.map(({ json }) => json.file.id);
    expect(new Set(ids).size).toBe(1);
    expect(await files()).toEqual([ids[0]]);
  });

  it('makes one file, however who completes it dies', async () => {
    const world = start();
    const { complete } = await world.uploaded(PIECES);
    const { files } = world.stores;
    const endUpload = files.endUpload.bind(files);
    files.endUpload = async () => {
      throw new Error('killed');
    };
    expect((await complete()).status).toBe(500);
    // The next one ends it, and loses the answer.
    files.endUpload = async (...end) => {
      await endUpload(...end);
      return false;
    };
    const { status, json } = await complete();
    expect([status, json.status]).toEqual([200, 'completed']);
    expect(await world.files()).toEqual([json.file.id]);
    const content = await world.app.request(`/v1/files/${json.file.id}/content`);
    expect(Buffer.from(await content.arrayBuffer())).toEqual(Buffer.concat(PIECES));
  });

  it('is made of no more parts than a record can name', async () => {
    const { call, uploaded } = start();
    const { id } = await uploaded(PIECES);
    const part_ids = Array.from({ length: MAX_UPLOAD_PARTS + 1 }, () => 'part_1');
    const { status, json } = await call(`/v1/uploads/${id}/complete`, post({ part_ids }));
    expect([status, json.error.param]).toEqual([400, 'part_ids']);
    expect(json.error.message).toContain(`at most ${MAX_UPLOAD_PARTS}`);
  });

  it('that nobody ended in time leaves nothing behind', async () => {
    const { clock, contents, stores, uploaded } = start();
    const { complete } = await uploaded(PIECES);
    const kept = await uploaded(PIECES);
    await kept.complete();
    const { purge } = createManageFiles({
      ...stores,
      contents,
      clock,
      random: createSeededRandom(1),
      mostFileLifeMs: null,
    });
    await purge();
    expect(contents.blobs.size).toBe(4);
    await clock.runUntil(clock.sleep(HOUR_MS));
    await purge();
    expect(contents.blobs.size).toBe(2);
    const { status, json } = await complete();
    expect([status, json.error.code]).toEqual([400, 'upload_not_pending']);
    expect(json.error.message).toContain('expired');
  });
});
