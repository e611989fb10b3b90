/** What AWS adapters are made of, on the emulator. */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAwsCaller } from '../../shared/adapters/aws/call-aws.ts';
import { AWS_CLIENT_OPTIONS, S3_CLIENT_OPTIONS } from '../../shared/adapters/aws/client-options.ts';
import { DynamoResultLogIndex } from '../../shared/adapters/dynamodb/result-log-index.ts';
import { DynamoSmallPayloads } from '../../shared/adapters/dynamodb/small-payloads.ts';
import type { TableAccess } from '../../shared/adapters/dynamodb/table/table-access.ts';
import { S3Objects } from '../../shared/adapters/s3/objects.ts';
import { S3PayloadStore } from '../../shared/adapters/s3/payload-store.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { createBucket, createTable } from './aws-resources.ts';

export const callAws = createAwsCaller({ clock: systemClock, random: systemRandom });

/** A worker's view of a table, with a client of its own. */
export function openTable(name: string): TableAccess {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(AWS_CLIENT_OPTIONS));
  return { client, name, callAws, clock: systemClock, random: systemRandom };
}

export async function makeTable(): Promise<TableAccess> {
  return openTable(await createTable());
}

export async function makeObjects(): Promise<S3Objects> {
  const client = new S3Client(S3_CLIENT_OPTIONS);
  return new S3Objects(client, await createBucket(client), callAws);
}

/** Days for which tests keep things. */
export const RETENTION_DAYS = 30;

/** Bodies and results over a bucket and a table of their own. */
export async function makePayloads(options: { readonly maxSegmentBytes?: number } = {}) {
  const objects = await makeObjects();
  const table = await makeTable();
  const small = new DynamoSmallPayloads(table, RETENTION_DAYS);
  const index = new DynamoResultLogIndex(table, RETENTION_DAYS);
  const common = { clock: systemClock, random: systemRandom, retentionDays: RETENTION_DAYS };
  const payloads = new S3PayloadStore({ objects, small, ...common, ...options });
  return { objects, table, small, index, payloads };
}
