import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { createBucket, createQueue, createTable } from '../../support/aws-resources.ts';

it('reaches the emulator by the environment alone, as deployed functions do', async () => {
  const dynamo = new DynamoDBClient();
  const { Table: table } = await dynamo.send(
    new DescribeTableCommand({ TableName: await createTable(dynamo) }),
  );
  expect(table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName).sort()).toEqual([
    'byTenant',
    'open',
  ]);

  const s3 = new S3Client();
  const object = { Bucket: await createBucket(s3), Key: 'a/b' };
  await s3.send(new PutObjectCommand({ ...object, Body: 'kept' }));
  const { Body: body } = await s3.send(new GetObjectCommand(object));
  expect(await body?.transformToString()).toBe('kept');

  const sqs = new SQSClient();
  const QueueUrl = await createQueue(sqs);
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'sent', MessageGroupId: 'one' }));
  const { Messages: messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(messages?.map(({ Body }) => Body)).toEqual(['sent']);
});
