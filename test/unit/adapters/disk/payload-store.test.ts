import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DiskPayloadStore } from '../../../../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../../../../shared/adapters/disk/result-log.ts';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'penstock-bodies-'));
  directory = join(root, 'segments');
});
afterEach(() => rm(root, { recursive: true }));

const textOf = (bytes: readonly Uint8Array[]) => bytes.map((one) => Buffer.from(one).toString());

it('reads other files as segments of a given name, in any language of line breaks', async () => {
  const input = join(root, 'my input.jsonl');
  await writeFile(input, '{"a":1}\r\n{"ä":2}\r\n');
  const store = new DiskPayloadStore({ directory, external: { input } });
  const second = { segment: 'input', offset: 9, length: 8 };
  const first = { segment: 'input', offset: 0, length: 7 };
  expect(textOf(await store.read([second, first]))).toEqual(['{"ä":2}', '{"a":1}']);
  await store.close();
  expect(await readdir(root)).toEqual(['my input.jsonl']);
});

it('reads results that stand in the same directory', async () => {
  const log = new DiskResultLog({ directory });
  const store = new DiskPayloadStore({ directory });
  const result = await log.append('tenant-a', Buffer.from('result'));
  const [body] = await store.append('tenant-a', [Buffer.from('body')]);
  expect(body).toEqual({ segment: 'bodies-000001.jsonl', offset: 0, length: 4 });
  expect(textOf(await store.read([result, body ?? result]))).toEqual(['result', 'body']);
  await store.close();
  await log.close();
});

it('never leaves its directory by a segment name', async () => {
  await writeFile(join(root, 'secret.jsonl'), 'secret');
  const store = new DiskPayloadStore({ directory });
  for (const segment of ['../secret.jsonl', '/etc/passwd', 'constructor', '..', '']) {
    await expect(store.read([{ segment, offset: 0, length: 1 }])).rejects.toMatchObject({
      code: 'file_not_found',
    });
  }
  await store.close();
});

it('says which file was cut after its requests were accepted', async () => {
  const input = join(root, 'input.jsonl');
  await writeFile(input, 'x'.repeat(100));
  const store = new DiskPayloadStore({ directory, external: { input } });
  const pointer = { segment: 'input', offset: 50, length: 50 };
  expect(await store.read([pointer])).toHaveLength(1);
  await truncate(input, 70);
  await expect(store.read([pointer])).rejects.toMatchObject({
    code: 'state_conflict',
    message: expect.stringMatching(/input\.jsonl ends at byte 70.*up to 100.*cut or replaced/),
  });
  await store.close();
});

it('finds a file that came back, and works over more files than it keeps open', async () => {
  const external: Record<string, string> = {};
  for (let index = 0; index < 80; index += 1) {
    external[`input-${index}`] = join(root, `${index}.jsonl`);
  }
  const store = new DiskPayloadStore({ directory, external });
  const pointers = Object.keys(external).map((segment) => ({ segment, offset: 0, length: 4 }));
  await expect(store.read(pointers)).rejects.toMatchObject({ code: 'file_not_found' });
  for (const [name, path] of Object.entries(external)) await writeFile(path, name.padStart(20));
  const rounds = await Promise.all([1, 2, 3].map(() => store.read(pointers)));
  for (const round of rounds) expect(textOf(round)).toEqual(pointers.map(() => '    '));
  await store.close();
});
