import { expect, it } from 'vitest';
import { DynamoCommitMarks } from '../../../shared/adapters/dynamodb/commit-marks.ts';
import { S3ResultLog } from '../../../shared/adapters/s3/result-log.ts';
import { S3ResultLogReader } from '../../../shared/adapters/s3/result-log-reader.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { encodeResultLine, type ResultLineContent } from '../../../shared/contracts/result-line.ts';
import type { RequestOutcome } from '../../../shared/domain/requests/request.ts';
import { adoptResults } from '../../../shared/usecases/adopt-results.ts';
import { failCalls } from '../../support/aws-faults.ts';
import { makePayloads, RETENTION_DAYS } from '../../support/aws-stores.ts';
import { outcomeOf } from '../builders.ts';
import { defineResultLogContract } from './suite.ts';

/** Time that passes for whoever waits: pacing is judged in virtual time, elsewhere. */
const hurriedClock = { ...systemClock, sleep: async () => undefined };

async function makeLog() {
  const { objects, table, small, index, payloads } = await makePayloads();
  const logOf = (owner: string) =>
    new S3ResultLog({ objects, small, index, clock: hurriedClock, owner });
  const readerOf = (owner: string) => new S3ResultLogReader({ objects, index, owner });
  return { objects, table, payloads, logOf, readerOf };
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

it('lets a dead worker’s lines be adopted once, small and large ones', async () => {
  const { table, logOf, readerOf } = await makeLog();
  const dead = logOf('worker-1');
  const answers = Array.from({ length: 3 }, (_, index) => encodeResultLine(contentOf(index)));
  for (const answer of answers) await dead.append('tenant-a', new TextEncoder().encode(answer));
  await dead.append('tenant-a', large);
  const committed: RequestOutcome[] = [];
  const adopt = () =>
    adoptResults({
      log: readerOf('worker-1'),
      marks: new DynamoCommitMarks(table, { owner: 'worker-1', retentionDays: RETENTION_DAYS }),
      work: {
        commit: async (outcomes) => {
          committed.push(...outcomes);
          return outcomes.map(() => true);
        },
      },
    });
  expect(await adopt()).toEqual({ read: 4, adopted: 3, superseded: 0, unreadable: 1 });
  expect(committed.map(({ id }) => id).sort()).toEqual(['req_0', 'req_1', 'req_2']);
  expect(await adopt()).toEqual({ read: 0, adopted: 0, superseded: 0, unreadable: 0 });
});

function contentOf(index: number): ResultLineContent {
  const { result: _, ...outcome } = outcomeOf({ id: `req_${index}`, tenant: 'tenant-a' });
  const bodyJson = JSON.stringify({ answer: 'x'.repeat(index * 3_000) });
  return { outcome, customId: null, requestId: 'call', bodyJson, error: null };
}
