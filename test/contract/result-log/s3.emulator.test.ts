import { expect, it } from 'vitest';
import { S3ResultLog } from '../../../shared/adapters/s3/result-log.ts';
import { S3ResultLogReader } from '../../../shared/adapters/s3/result-log-reader.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { failCalls } from '../../support/aws-faults.ts';
import { makePayloads } from '../../support/aws-stores.ts';
import { defineResultLogContract } from './suite.ts';

/** Time that passes for whoever waits: pacing is judged in virtual time, elsewhere. */
const hurriedClock = { ...systemClock, sleep: async () => undefined };

async function makeLog() {
  const { objects, small, index, payloads } = await makePayloads();
  const logOf = (owner: string) =>
    new S3ResultLog({ objects, small, index, clock: hurriedClock, owner });
  const readerOf = (owner: string) => new S3ResultLogReader({ objects, index, owner });
  return { objects, payloads, logOf, readerOf };
}

defineResultLogContract('S3 and DynamoDB', async () => {
  const { payloads, logOf, readerOf } = await makeLog();
  // Another worker's lines stand beside ours and are never told.
  const other = logOf('worker-10');
  await other.append('tenant-a', new Uint8Array(9_000).fill(32));
  await other.append('tenant-a', new Uint8Array(9).fill(32));
  return {
    log: logOf('worker-1'),
    payloads,
    reader: () => readerOf('worker-1'),
    close: async () => undefined,
  };
});

const large = new Uint8Array(9_000).fill(32);

it('stores a line although two PUTs failed', async () => {
  const { objects, payloads, logOf } = await makeLog();
  const error = { name: 'InternalError', status: 500 };
  const failures = failCalls(objects.client, 'PutObjectCommand', 2, error);
  const pointer = await logOf('worker-1').append('tenant-a', large);
  expect(failures.failed).toBe(2);
  expect((await payloads.read([pointer]))[0]).toHaveLength(9_000);
});

it('rejects once a PUT has failed for good, and goes on after', async () => {
  const { objects, logOf, readerOf } = await makeLog();
  const log = logOf('worker-1');
  failCalls(objects.client, 'PutObjectCommand', 6, { name: 'SlowDown', status: 503 });
  await expect(log.append('tenant-a', large)).rejects.toMatchObject({
    code: 'capacity_exhausted',
    details: { service: 'S3', retryAfterMs: expect.any(Number) },
  });
  const pointer = await log.append('tenant-a', large);
  for await (const logged of readerOf('worker-1').tail(new Map())) {
    expect(logged.pointer).toEqual(pointer);
  }
});
