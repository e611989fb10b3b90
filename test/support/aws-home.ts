/**
 * Every adapter of the AWS home over clients of a test's own: what `wire.ts` puts together for a
 * function, with the clock, the randomness and the socket as arguments.
 */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAwsCaller } from '../../shared/adapters/aws/call-aws.ts';
import { AWS_CLIENT_OPTIONS, S3_CLIENT_OPTIONS } from '../../shared/adapters/aws/client-options.ts';
import { DynamoBatchStore } from '../../shared/adapters/dynamodb/batch-store.ts';
import { DynamoBudgetStore } from '../../shared/adapters/dynamodb/budget-store.ts';
import { DynamoCallStore } from '../../shared/adapters/dynamodb/call-store.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { DynamoCommitMarks } from '../../shared/adapters/dynamodb/commit-marks.ts';
import { DynamoDeadLetters } from '../../shared/adapters/dynamodb/dead-letters.ts';
import { DynamoFileStore } from '../../shared/adapters/dynamodb/file-store.ts';
import { DynamoIdClaims } from '../../shared/adapters/dynamodb/id-claims.ts';
import {
  createDynamoLedger,
  type DynamoLedger,
} from '../../shared/adapters/dynamodb/ledger/ledger.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { DynamoProviderHolds } from '../../shared/adapters/dynamodb/provider-holds.ts';
import { DynamoResultLogIndex } from '../../shared/adapters/dynamodb/result-log-index.ts';
import { DynamoSmallPayloads } from '../../shared/adapters/dynamodb/small-payloads.ts';
import type { TableAccess } from '../../shared/adapters/dynamodb/table/table-access.ts';
import { S3FileContents } from '../../shared/adapters/s3/file-contents.ts';
import { S3Objects } from '../../shared/adapters/s3/objects.ts';
import { S3PayloadStore } from '../../shared/adapters/s3/payload-store.ts';
import { S3ResultLog } from '../../shared/adapters/s3/result-log.ts';
import { S3ResultLogReader } from '../../shared/adapters/s3/result-log-reader.ts';
import { createReleasePoison } from '../../shared/adapters/sqs/release-poison.ts';
import { SqsRequestQueue } from '../../shared/adapters/sqs/request-queue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import { adoptResults } from '../../shared/usecases/adopt-results.ts';
import type { FakeAws } from './fake-aws/fake-aws.ts';

const RETENTION_DAYS = 30;
export interface AwsHomeOptions {
  /** For the constructor of every client: a fake's, or none for the emulator of the environment. */
  readonly clientOptions: Partial<FakeAws['clientOptions']>;
  /** @default 'table' */
  readonly tableName?: string;
  /** @default 'bucket' */
  readonly bucketName?: string;
  /** Wraps every client, e.g. to end what it does with a life. */
  readonly guard?: <Client extends object>(client: Client) => Client;
  readonly bulkQueueUrl: string;
  readonly interactiveQueueUrl: string;
  readonly clock: Clock;
  readonly random: Random;
}

export type AwsHome = ReturnType<typeof openAwsHome>;

export function openAwsHome(options: AwsHomeOptions) {
  const { clientOptions, bulkQueueUrl, interactiveQueueUrl, clock, random } = options;
  const { bucketName = 'bucket', guard = (client) => client } = options;
  const table = openFakeTable(options);
  const { callAws } = table;
  const s3 = guard(new S3Client({ ...S3_CLIENT_OPTIONS, ...clientOptions, forcePathStyle: true }));
  const sqs = guard(new SQSClient({ ...AWS_CLIENT_OPTIONS, ...clientOptions }));
  const objects = new S3Objects(s3, bucketName, callAws);
  const contents = new S3FileContents(objects);
  const small = new DynamoSmallPayloads(table, RETENTION_DAYS);
  const index = new DynamoResultLogIndex(table, RETENTION_DAYS);
  const common = { clock, random, retentionDays: RETENTION_DAYS };
  const payloads = new S3PayloadStore({ objects, small, ...common });
  const resultsOf = (owner: string) => new S3ResultLog({ objects, small, index, clock, owner });
  const openLedger = (): DynamoLedger => {
    const ledger = createDynamoLedger({
      ...common,
      client: table.client,
      table: table.name,
      payloads,
      async onLapsed(owner) {
        const log = new S3ResultLogReader({ objects, index, owner });
        const marks = new DynamoCommitMarks(table, { owner, retentionDays: RETENTION_DAYS });
        await adoptResults({ log, marks, work: ledger.work });
      },
    });
    return ledger;
  };
  return {
    ...{ table, objects, payloads, resultsOf, openLedger, clock, random },
    contents,
    addresses: contents,
    files: new DynamoFileStore(table, () => clock.nowMs(), RETENTION_DAYS),
    batches: new DynamoBatchStore(table, () => clock.nowMs(), RETENTION_DAYS),
    claims: new DynamoIdClaims(table, () => clock.nowMs(), RETENTION_DAYS),
    capacity: new DynamoCapacityStore(table, new ModelsSeen(table)),
    holds: new DynamoProviderHolds(table),
    budgets: new DynamoBudgetStore(table, () => clock.nowMs()),
    calls: new DynamoCallStore(table, () => clock.nowMs(), RETENTION_DAYS),
    letters: new DynamoDeadLetters(table, RETENTION_DAYS),
    releasePoison: createReleasePoison({
      client: sqs,
      queueUrls: [bulkQueueUrl, interactiveQueueUrl],
      onFailure: () => undefined,
    }),
    queue: new SqsRequestQueue({
      client: sqs,
      ...{ callAws, clock, random, bulkQueueUrl, interactiveQueueUrl },
    }),
  };
}

/** A table by a client of its own. */
export function openFakeTable({
  clientOptions,
  clock,
  random,
  tableName = 'table',
  guard = (client) => client,
}: Pick<
  AwsHomeOptions,
  'clientOptions' | 'clock' | 'random' | 'tableName' | 'guard'
>): TableAccess {
  const client = new DynamoDBClient({ ...AWS_CLIENT_OPTIONS, ...clientOptions });
  return {
    client: guard(DynamoDBDocumentClient.from(client)),
    name: tableName,
    ...{ clock, random, callAws: createAwsCaller({ clock, random }) },
  };
}
