import { describe, expect, it } from 'vitest';
import type { UploadStore } from '../../../../shared/ports/upload-store.ts';
import { HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const KEYS = [
  { key: 'key-of-a-0123456789', tenant: 'a' },
  { key: 'key-of-b-0123456789', tenant: 'b' },
];
const [A = {}, B = {}] = KEYS.map(({ key }) => ({ authorization: `Bearer ${key}` }));
const LINE = JSON.stringify({ url: '/v1/chat/completions', custom_id: 'x', body: HELLO });

class MemoryUploads implements UploadStore {
  readonly bodies = new Map<string, Uint8Array>();

  async createTarget(tenant: string, id: string, bytes: number) {
    const headers = { 'content-length': String(bytes) };
    return { id, url: `https://store.example/${tenant}/${id}`, headers, expiresAtMs: 900_000 };
  }

  async read(tenant: string, id: string) {
    return this.bodies.get(`${tenant}/${id}`) ?? null;
  }
}

function start(uploads?: UploadStore) {
  const clock = new FakeClock();
  const api = startApi({
    clock,
    keys: KEYS,
    maxBodyBytes: 1_000,
    ...(uploads === undefined ? {} : { uploads }),
  });
  const send = async (path: string, init: RequestInit) => {
    const response = await api.app.request(path, init);
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  return { ...api, send };
}

const submit = (headers: Record<string, string>): RequestInit => ({ method: 'POST', headers });

describe('uploads', () => {
  it('take what one call cannot, and are submitted once however often it is asked', async () => {
    const uploads = new MemoryUploads();
    const { send, stores } = start(uploads);
    const opened = await send('/v1/requests/uploads', post({ bytes: 20_000_000 }, A));
    expect(opened).toMatchObject({
      status: 201,
      body: { method: 'PUT', headers: { 'content-length': '20000000' }, expires_at_ms: 900_000 },
    });
    const { id } = opened.body;
    expect(opened.body.url).toContain(`/a/${id}`);
    uploads.bodies.set(`a/${id}`, Buffer.from(`${LINE}\n${LINE}\n{"bad`));
    const path = `/v1/requests/uploads/${id}?batch=night&tags=t`;
    const first = await send(path, submit(A));
    expect(first.body).toMatchObject({ accepted: 2, replayed: 0, refused: 1, batch: 'night' });
    const again = await send(path, submit(A));
    expect(again.body).toMatchObject({ accepted: 2, replayed: 2, refused: 1 });
    expect((await stores.requests.counts('a', 'night')).queued).toBe(2);
    uploads.bodies.set(`a/${id}`, Buffer.from(LINE));
    expect((await send(path, submit(A))).status).toBe(422);
    const keyed = await send(path, submit({ ...A, 'idempotency-key': 'other' }));
    expect(keyed.body).toMatchObject({ accepted: 1, replayed: 0 });
  });

  it('are not known to another tenant, nor before they are there', async () => {
    const uploads = new MemoryUploads();
    const { send } = start(uploads);
    const { id } = (await send('/v1/requests/uploads', post({ bytes: 9 }, A))).body;
    const path = `/v1/requests/uploads/${id}`;
    expect((await send(path, submit(A))).status).toBe(404);
    uploads.bodies.set(`a/${id}`, Buffer.from(LINE));
    expect((await send(path, submit(B))).status).toBe(404);
    uploads.bodies.set('a/..%2Fx', Buffer.from(LINE));
    expect((await send('/v1/requests/uploads/..%2Fx', submit(A))).status).toBe(404);
  });

  it.each([{ bytes: 0 }, { bytes: 33_554_433 }, { bytes: 1.5 }, {}, { bytes: 1, id: 'x' }])(
    'are refused for %j',
    async (wish) => {
      const { send } = start(new MemoryUploads());
      expect((await send('/v1/requests/uploads', post(wish, A))).status).toBe(400);
    },
  );

  it('are what a body over the limit is told of', async () => {
    const large = post([LINE.repeat(20)], A);
    const { body } = await start(new MemoryUploads()).send('/v1/requests', large);
    expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(body.detail).toMatch(/1000 bytes.*33554432 bytes.*POST \/v1\/requests\/uploads/);
    const local = await start().send('/v1/requests', large);
    expect(local.body.detail).not.toContain('uploads');
  });

  it('are not there in a home that takes large bodies itself', async () => {
    const { send } = start();
    const { status, body } = await send('/v1/requests/uploads', post({ bytes: 9 }, A));
    expect([status, body.code]).toEqual([404, 'not_found']);
    expect(body.detail).toContain('POST /v1/requests takes bodies of up to 1000 bytes');
    const none = await send('/v1/requests/uploads/upload_abcdefghijklmnopqrstuvwx', submit(A));
    expect(none.status).toBe(404);
  });
});
