import { expect, it } from 'vitest';
import { S3FileContents } from '../../../shared/adapters/s3/file-contents.ts';
import { makeObjects } from '../../support/aws-stores.ts';
import { defineFileContentsContract } from './suite.ts';

const makeStore = async () => new S3FileContents(await makeObjects());

defineFileContentsContract('S3', makeStore);

it('says where content of any size can be fetched', async () => {
  const contents = await makeStore();
  async function* pieces() {
    for (let piece = 0; piece < 10; piece += 1) yield new Uint8Array(1_048_576).fill(piece);
  }
  await contents.store('a', 'large', pieces());
  const url = await contents.addressOf('a', 'large', 'ü".jsonl');
  const fetched = await (await fetch(url ?? '')).arrayBuffer();
  expect(fetched.byteLength).toBe(10 * 1_048_576);
  expect(await contents.addressOf('b', 'large', 'x')).toBeNull();
});
