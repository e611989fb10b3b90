/** The resources of a deployment, made on the emulator in names of a test's own. */

import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  OPEN_INDEX,
  TABLE,
  TENANT_INDEX,
} from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';

/** Makes the table as the state stack does. Returns its name. */
export async function createTable(client = new DynamoDBClient()): Promise<string> {
  const name = systemRandom.id('penstock-');
  const key = (pk: string, sk: string) => [
    { AttributeName: pk, KeyType: 'HASH' as const },
    { AttributeName: sk, KeyType: 'RANGE' as const },
  ];
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: key(TABLE.pk, TABLE.sk),
      AttributeDefinitions: [TABLE, OPEN_INDEX, TENANT_INDEX]
        .flatMap(({ pk, sk }) => [pk, sk])
        .map((attribute) => ({ AttributeName: attribute, AttributeType: 'S' })),
      GlobalSecondaryIndexes: [OPEN_INDEX, TENANT_INDEX].map((index) => ({
        IndexName: index.name,
        KeySchema: key(index.pk, index.sk),
        Projection: { ProjectionType: 'KEYS_ONLY' },
      })),
    }),
  );
  return name;
}

/** Returns the bucket's name. */
export async function createBucket(client = new S3Client()): Promise<string> {
  const name = systemRandom.id('penstock-');
  await client.send(new CreateBucketCommand({ Bucket: name }));
  return name;
}

/** Returns the queue's URL. */
export async function createQueue(client = new SQSClient()): Promise<string> {
  const name = systemRandom.id('penstock-');
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name }));
  if (QueueUrl === undefined) throw new Error('The emulator made a queue without a URL.');
  return QueueUrl;
}
