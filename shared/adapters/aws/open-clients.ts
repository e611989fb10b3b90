import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { TableAccess } from '../dynamodb/table/table-access.ts';
import { EventBridgeBus } from '../eventbridge/event-bus.ts';
import { S3Objects } from '../s3/objects.ts';
import { systemClock } from '../system/clock.ts';
import { systemRandom } from '../system/random.ts';
import { createAwsCaller } from './call-aws.ts';
import { AWS_CLIENT_OPTIONS, S3_CLIENT_OPTIONS } from './client-options.ts';

/** What adapters of AWS services share. */
export const AWS_COMMON = {
  clock: systemClock,
  random: systemRandom,
  callAws: createAwsCaller({ clock: systemClock, random: systemRandom }),
} as const;

/** A deployment's table, with a client of its own. Connects with the first call. */
export function openTable(name: string): TableAccess {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(AWS_CLIENT_OPTIONS));
  return { client, name, ...AWS_COMMON };
}

/** A deployment's bucket, with a client of its own. Connects with the first call. */
export function openObjects(bucket: string): S3Objects {
  return new S3Objects(new S3Client(S3_CLIENT_OPTIONS), bucket, AWS_COMMON.callAws);
}

/** Connects with the first call. */
export function openQueues(): SQSClient {
  return new SQSClient(AWS_CLIENT_OPTIONS);
}

/** The account's default event bus. Connects with the first call. */
export function openEventBus(): EventBridgeBus {
  return new EventBridgeBus({ ...AWS_COMMON, client: new EventBridgeClient(AWS_CLIENT_OPTIONS) });
}
