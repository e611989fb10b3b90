import { AWS_COMMON, openEventBus, openObjects, openTable } from '../adapters/aws/open-clients.ts';
import { DynamoBatchStore } from '../adapters/dynamodb/batch-store.ts';
import { DynamoCommitMarks } from '../adapters/dynamodb/commit-marks.ts';
import { DynamoDeliveryStore } from '../adapters/dynamodb/delivery-store.ts';
import { DynamoFileStore } from '../adapters/dynamodb/file-store.ts';
import { DynamoIdClaims } from '../adapters/dynamodb/id-claims.ts';
import { createDynamoLedger, type DynamoLedger } from '../adapters/dynamodb/ledger/ledger.ts';
import { DynamoResultLogIndex } from '../adapters/dynamodb/result-log-index.ts';
import { DynamoSmallPayloads } from '../adapters/dynamodb/small-payloads.ts';
import type { TableAccess } from '../adapters/dynamodb/table/table-access.ts';
import { DynamoWebhookStore } from '../adapters/dynamodb/webhook-store.ts';
import { S3FileContents } from '../adapters/s3/file-contents.ts';
import type { S3Objects } from '../adapters/s3/objects.ts';
import { S3PayloadStore } from '../adapters/s3/payload-store.ts';
import { S3ResultLog } from '../adapters/s3/result-log.ts';
import { S3ResultLogReader } from '../adapters/s3/result-log-reader.ts';
import type { BatchStore } from '../ports/batch-store.ts';
import type { CompletionEvents } from '../ports/completion-events.ts';
import type { ContentAddresses, FileContents } from '../ports/file-contents.ts';
import type { FileStore } from '../ports/file-store.ts';
import type { IdClaims } from '../ports/id-claims.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import { adoptResults } from '../usecases/adopt-results.ts';
import { createPublishCompletions } from '../usecases/webhooks/publish-completions.ts';

export interface AwsStorageOptions {
  readonly table: string;
  readonly bucket: string;
  readonly retentionDays: number;
}

/** What files and batches of a deployment are kept in. */
export interface BatchStorage {
  readonly files: FileStore;
  readonly contents: FileContents;
  readonly addresses: ContentAddresses;
  readonly batches: BatchStore;
  readonly claims: IdClaims;
}

/** What requests and results of a deployment are kept in. */
export interface AwsStorage {
  readonly table: TableAccess;
  readonly objects: S3Objects;
  readonly payloads: PayloadStore;
  readonly webhooks: DynamoWebhookStore;
  readonly deliveries: DynamoDeliveryStore;
  /** Tells endpoints and the account's bus of what has ended. */
  readonly completions: CompletionEvents;
  /** The log of one worker. The owner's name is used by no other process, ever. */
  resultsOf(owner: string): S3ResultLog;
  /** What files and batches are kept in. */
  openBatches(): BatchStorage;
  /** A ledger that remembers slices it has seen; it adopts what dead workers logged. */
  openLedger(): DynamoLedger;
}

/** Clients that all invocations of a function share; they connect with their first call. */
export function openAwsStorage({
  table: name,
  bucket,
  retentionDays,
}: AwsStorageOptions): AwsStorage {
  const table = openTable(name);
  const objects = openObjects(bucket);
  const small = new DynamoSmallPayloads(table, retentionDays);
  const index = new DynamoResultLogIndex(table, retentionDays);
  const { clock, random } = AWS_COMMON;
  const payloads = new S3PayloadStore({ objects, small, clock, random, retentionDays });

  const webhooks = new DynamoWebhookStore(table);
  const deliveries = new DynamoDeliveryStore(table, retentionDays);
  const bus = openEventBus();
  const completions = createPublishCompletions({ webhooks, deliveries, bus, clock });

  return {
    table,
    objects,
    payloads,
    webhooks,
    deliveries,
    completions,
    resultsOf: (owner) => new S3ResultLog({ objects, small, index, clock, owner }),
    openBatches() {
      const nowMs = () => clock.nowMs();
      const contents = new S3FileContents(objects);
      return {
        files: new DynamoFileStore(table, nowMs, retentionDays),
        contents,
        addresses: contents,
        batches: new DynamoBatchStore(table, nowMs, retentionDays),
        claims: new DynamoIdClaims(table, nowMs, retentionDays),
      };
    },
    openLedger() {
      const ledger: DynamoLedger = createDynamoLedger({
        client: table.client,
        table: name,
        clock,
        random,
        payloads,
        retentionDays,
        async onLapsed(owner) {
          const log = new S3ResultLogReader({ objects, index, owner });
          const marks = new DynamoCommitMarks(table, { owner, retentionDays });
          await adoptResults({ log, marks, work: ledger.work, events: completions });
        },
      });
      return ledger;
    },
  };
}
