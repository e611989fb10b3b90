import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { S3PayloadStore } from '../../../shared/adapters/s3/payload-store.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { countCalls } from '../../support/aws-faults.ts';
import { makePayloads, RETENTION_DAYS } from '../../support/aws-stores.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { definePayloadStoreContract } from './suite.ts';

const close = async () => undefined;

definePayloadStoreContract('S3 and DynamoDB', async () => ({ ...(await makePayloads()), close }));
definePayloadStoreContract('S3 and DynamoDB, in small segments', async () => ({
  ...(await makePayloads({ maxSegmentBytes: 5_000 })),
  close,
}));

const linesOf = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, index) => new Uint8Array(bytes).fill(48 + (index % 10)));

it('writes one object for a call, and reads neighbours by one GET', async () => {
  const { payloads, objects, table } = await makePayloads();
  const calls = countCalls([objects.client, table.client]);
  const pointers = await payloads.append('tenant-a', linesOf(500, 1_000));
  expect(calls.total).toBe(1);
  expect(new Set(pointers.map(({ segment }) => segment)).size).toBe(1);
  expect(pointers[0]?.segment).toMatch(/^t\/tenant-a\/bodies\/[a-z2-7]{24}-[0-9a-z]{8}\.jsonl$/);
  const read = await payloads.read(pointers.slice(100, 350));
  expect(read.map((line) => line[0])).toEqual(
    linesOf(500, 1)
      .slice(100, 350)
      .map(([first]) => first),
  );
  expect(calls.of('GetObjectCommand')).toBe(1);
});

it('needs no object for a lone small body', async () => {
  const { payloads, objects, table } = await makePayloads();
  const calls = countCalls([objects.client, table.client]);
  const [pointer] = await payloads.append('tenant-a', linesOf(1, 3_000));
  expect(calls.of('PutItemCommand')).toBe(1);
  expect(calls.total).toBe(1);
  expect((await payloads.read(pointer ? [pointer] : []))[0]).toHaveLength(3_000);
  expect(calls.of('GetObjectCommand')).toBe(0);
});

it('refuses pointers that an object ends before, wholly or in part', async () => {
  const { payloads } = await makePayloads();
  const [pointer] = await payloads.append('tenant-a', linesOf(10, 1_000));
  if (!pointer) return expect.unreachable();
  for (const offset of [9_500, 50_000]) {
    await expect(payloads.read([{ ...pointer, offset, length: 1_000 }])).rejects.toMatchObject({
      code: 'state_conflict',
      details: { segment: pointer.segment, wantedBytes: offset + 1_000 },
    });
  }
});

it('tells what was deleted by its age from what is missing', async () => {
  const { objects, small } = await makePayloads();
  const clock = new FakeClock();
  const store = new S3PayloadStore({
    ...{ objects, small, clock, random: systemRandom },
    retentionDays: RETENTION_DAYS,
  });
  const pointers = await store.append('tenant-a', linesOf(10, 1_000));
  const Key = pointers[0]?.segment;
  await objects.client.send(new DeleteObjectCommand({ Bucket: objects.bucket, Key }));
  await expect(store.read(pointers)).rejects.toMatchObject({ code: 'file_not_found' });
  clock.setBack(-(RETENTION_DAYS * 86_400_000 + 1));
  await expect(store.read(pointers)).rejects.toMatchObject({
    code: 'result_expired',
    message: expect.stringContaining('30 days'),
  });
});

it('keeps a tenant’s objects under a prefix that no other tenant’s name reaches', async () => {
  const { payloads } = await makePayloads();
  for (const tenant of ['a/b', 'a/../b', 'a%2Fb', 'a#b', '..', 'ünï']) {
    const pointers = await payloads.append(tenant, linesOf(10, 1_000));
    expect(pointers[0]?.segment.split('/')).toHaveLength(4);
    expect(await payloads.read(pointers)).toHaveLength(10);
  }
});
