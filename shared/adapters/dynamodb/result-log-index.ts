import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { encoded } from '../segments/segment-names.ts';
import { expiry } from './table/expiry.ts';
import { readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/** What one worker has logged, as far as it can be told without looking into S3. */
export type LogEntry =
  /** There may be objects in the folder of this tenant. */
  | { readonly kind: 'folder'; readonly tenant: string }
  /** A small group of lines, which the table holds itself. */
  | { readonly kind: 'lines'; readonly segment: string; readonly bytes: Uint8Array };

/**
 * Where to look for what a dead worker has logged. S3 can list by tenant only, since the tenant
 * stands in front of every key; so the table keeps one partition for each worker.
 *
 * | item                       | pk            | sk                     | written                         |
 * | -------------------------- | ------------- | ---------------------- | ------------------------------- |
 * | folder of a tenant         | `LOG#<owner>` | `<tenant>`             | with the first object in it |
 * | small group of lines       | `LOG#<owner>` | `<tenant>#<id>`        | in place of an object           |
 */
export class DynamoResultLogIndex {
  readonly #table: TableAccess;
  readonly #retentionDays: number;

  constructor(table: TableAccess, retentionDays: number) {
    this.#table = table;
    this.#retentionDays = retentionDays;
  }

  /** States that the worker keeps objects for the tenant. Durable on return. */
  async addFolder(owner: string, tenant: string): Promise<void> {
    const { client, name, clock, callAws } = this.#table;
    const put = new PutCommand({
      TableName: name,
      Item: {
        pk: logPartition(owner),
        sk: encoded(tenant),
        ttl: expiry(clock, this.#retentionDays),
      },
    });
    await callAws(SERVICE, () => client.send(put));
  }

  /** All of a worker's log. A tenant's lines come in the order in which they were written. */
  async *entries(owner: string): AsyncGenerator<LogEntry> {
    for await (const { sk, bytes } of readPartition(this.#table, logPartition(owner))) {
      const [tenant = '', id] = String(sk).split('#');
      if (id === undefined) yield { kind: 'folder', tenant: decodeURIComponent(tenant) };
      else yield { kind: 'lines', segment: smallResults(tenant, owner, id), bytes };
    }
  }
}

/** The segment that lies under `<tenant>#<id>` of a worker's partition; both parts encoded. */
function smallResults(tenant: string, owner: string, id: string): string {
  return `i/${tenant}/results/${encoded(owner)}/${id}`;
}

/** Partition of one worker's log. */
export function logPartition(owner: string): string {
  return `LOG#${owner}`;
}
