import { createHash } from 'node:crypto';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { AWS_CLIENT_OPTIONS } from '../../../shared/adapters/aws/client-options.ts';
import { SqsRequestQueue } from '../../../shared/adapters/sqs/request-queue.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { decodeNotice, encodeNotice } from '../../../shared/contracts/queue-message.ts';
import type { SliceNotice } from '../../../shared/ports/request-queue.ts';
import { answerOnce, countCalls, failCalls } from '../../support/aws-faults.ts';
import { createQueue } from '../../support/aws-resources.ts';
import { callAws } from '../../support/aws-stores.ts';
import { defineRequestQueueContract, noticeOf } from './suite.ts';

async function makeQueue() {
  const client = new SQSClient(AWS_CLIENT_OPTIONS);
  const interactiveQueueUrl = await createQueue(client);
  const bulkQueueUrl = await createQueue(client);
  const urls = { interactive: interactiveQueueUrl, bulk: bulkQueueUrl };
  const received = async (kind: keyof typeof urls) =>
    (await receiveAll(client, urls[kind])).notices;
  const groups = async (kind: keyof typeof urls) => (await receiveAll(client, urls[kind])).groups;
  const failures: unknown[] = [];
  const queue = new SqsRequestQueue({
    ...{ client, callAws, clock: systemClock, random: systemRandom },
    ...{ interactiveQueueUrl, bulkQueueUrl },
    onFailure: (error) => failures.push(error),
  });
  return { client, queue, received, groups, failures };
}

async function receiveAll(client: SQSClient, QueueUrl: string) {
  const notices: SliceNotice[] = [];
  const groups: string[] = [];
  for (;;) {
    const { Messages: messages = [] } = await client.send(
      new ReceiveMessageCommand({
        ...{ QueueUrl, MaxNumberOfMessages: 10 },
        MessageSystemAttributeNames: ['MessageGroupId'],
      }),
    );
    if (messages.length === 0) return { notices, groups };
    for (const { Body: body = '', Attributes: attributes } of messages) {
      const notice = decodeNotice(body);
      if (notice) notices.push(notice);
      groups.push(attributes?.MessageGroupId ?? '');
    }
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

defineRequestQueueContract('SQS', makeQueue);

const notices = Array.from({ length: 10 }, (_, index) => noticeOf(`slice-${index}`));
/** Entries as the service confirms them; the SDK compares the digests. */
const taken = (indexes: readonly number[]) =>
  indexes.map((index) => {
    const body = encodeNotice(noticeOf(`slice-${index}`));
    const MD5OfMessageBody = createHash('md5').update(body).digest('hex');
    return { Id: `${index}`, MessageId: `made-up-${index}`, MD5OfMessageBody };
  });
const sliceOf = ({ slice }: SliceNotice) => slice;

it('sends ten notices a call, each in the group of its tenant', async () => {
  const { client, queue, groups } = await makeQueue();
  const calls = countCalls([client]);
  const tenants = ['tenant-a', 'tenant-b', 'ünï'];
  await queue.announce(
    Array.from({ length: 95 }, (_, index) =>
      noticeOf(`slice-${index}`, { tenant: tenants[index % 3] ?? '' }),
    ),
  );
  expect(calls.total).toBe(10);
  const counts = new Map<string, number>();
  for (const group of await groups('bulk')) counts.set(group, (counts.get(group) ?? 0) + 1);
  expect([...counts.values()].sort()).toEqual([31, 32, 32]);
  expect(counts.get('tenant-a')).toBe(32);
});

it('sends again what the service did not take of a call that succeeded', async () => {
  const { client, queue, received } = await makeQueue();
  answerOnce(client, 'SendMessageBatchCommand', {
    Successful: taken([0, 1, 2, 4, 5, 6, 8, 9]),
    Failed: [3, 7].map((index) => ({ Id: `${index}`, SenderFault: false, Code: 'InternalError' })),
  });
  expect(await queue.announce(notices)).toEqual([]);
  // The answer was made up, and only what it called failed was sent after it.
  expect((await received('bulk')).map(sliceOf).sort()).toEqual(['slice-3', 'slice-7']);
});

it('gives back what the service will never take, and sends the rest', async () => {
  const { client, queue, received } = await makeQueue();
  answerOnce(client, 'SendMessageBatchCommand', {
    Successful: taken([3, 4, 5, 6, 7, 8, 9]),
    Failed: [
      { Id: '0', SenderFault: true, Code: 'InvalidMessageContents' },
      ...[1, 2].map((index) => ({ Id: `${index}`, SenderFault: false, Code: 'InternalError' })),
    ],
  });
  expect((await queue.announce(notices)).map(sliceOf)).toEqual(['slice-0']);
  expect((await received('bulk')).map(sliceOf).sort()).toEqual(['slice-1', 'slice-2']);
});

it('outlasts throttles, and gives back all when they do not end', async () => {
  const { client, queue, received, failures: told } = await makeQueue();
  const throttle = { name: 'RequestThrottled', status: 403 };
  const failures = failCalls(client, 'SendMessageBatchCommand', 2, throttle);
  expect(await queue.announce(notices)).toEqual([]);
  expect(failures.failed).toBe(2);
  expect(await received('bulk')).toHaveLength(10);
  failCalls(client, 'SendMessageBatchCommand', 100, throttle);
  const left = await queue.announce([...notices, noticeOf('urgent', { priority: 0 })]);
  expect(told).toMatchObject([{ code: 'capacity_exhausted' }, { code: 'capacity_exhausted' }]);
  expect(left.map(sliceOf).sort()).toEqual([...notices.map(sliceOf), 'urgent'].sort());
});
