import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, expect, it } from 'vitest';
import { HttpClient } from '../../../cli/api-client/http-client.ts';
import { PenstockApi } from '../../../cli/api-client/penstock-api.ts';
import { submitFile } from '../../../cli/remote/submit-file.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import type { UploadStore } from '../../../shared/ports/upload-store.ts';
import { startApi } from '../../support/api-under-test.ts';
import { inputLines } from './harness.ts';

const KEY = 'key-of-team-a-0123456789';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Listener {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
  close(): unknown;
}

async function listen(server: Listener): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  return `http://127.0.0.1:${Object(server.address()).port}`;
}

/** An API behind a gateway that lets little through, and a store that takes uploads. */
async function start() {
  const stored = new Map<string, Buffer>();
  const puts: { bytes: number; signed: unknown; authorization: unknown }[] = [];
  const bucket = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { 'x-signed': signed, authorization } = request.headers;
    puts.push({ bytes: body.length, signed, authorization });
    stored.set(request.url ?? '', body);
    response.end();
  });
  const bucketUrl = await listen(bucket);
  const uploads: UploadStore = {
    async createTarget(tenant, id, bytes) {
      const headers = { 'content-length': String(bytes), 'x-signed': 'yes' };
      return { id, url: `${bucketUrl}/${tenant}/${id}`, headers, expiresAtMs: 0 };
    },
    read: async (tenant, id) => stored.get(`/${tenant}/${id}`) ?? null,
  };
  const keys = [{ key: KEY, tenant: 'a' }];
  const api = startApi({ clock: systemClock, keys, uploads, maxBodyBytes: 4_400_000 });
  const url = await listen(createAdaptorServer({ fetch: api.app.fetch }));
  const http = new HttpClient({
    baseUrl: url,
    key: KEY,
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
  });
  return { ...api, client: new PenstockApi(http), puts };
}

it('sends what passes no gateway by upload, and finds it again', async () => {
  const { client, puts, stores } = await start();
  const directory = mkdtempSync(join(tmpdir(), 'penstock-uploads-'));
  closers.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'in.jsonl');
  const long = { messages: [{ role: 'user', content: 'x '.repeat(1_000) }] };
  writeFileSync(path, inputLines(6_000, long));
  const submit = () =>
    submitFile({
      api: client,
      path,
      batch: 'large',
      terms: {},
      skipInvalid: false,
      onValidating: () => undefined,
      onSubmitting: () => undefined,
    });
  const first = await submit();
  // The first 5,000 lines make 10 MB; the other 1,000 pass directly.
  expect(first).toMatchObject({ file: { accepted: 6_000, replayed: 0, parts: 2, rejected: 0 } });
  expect(puts).toEqual([{ bytes: expect.any(Number), signed: 'yes', authorization: undefined }]);
  expect(puts[0]?.bytes).toBeGreaterThan(10_000_000);
  const again = await submit();
  expect(again).toMatchObject({ file: { accepted: 6_000, replayed: 6_000 } });
  const { queued, running } = await stores.requests.counts('a', 'large');
  expect(queued + running).toBe(6_000);
});
