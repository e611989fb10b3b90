import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { AppError } from '../../domain/errors.ts';
import { encoded, parseSegmentName } from '../segments/segment-names.ts';
import { logPartition } from './result-log-index.ts';
import { batchGet, MOST_GETS } from './table/batch-get.ts';
import { expiry } from './table/expiry.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/**
 * Largest segment that is cheaper as an item than as an object: at list prices of November 2026 a
 * PUT of S3 costs as much as 8 write units, and each takes a kilobyte. Half of that leaves the
 * reads cheaper as well. Unit: bytes.
 */
export const SMALL_PAYLOAD_BYTES = 4_096;

/** Small segments, one item each. Where each lies: `segment-names.ts`. */
export class DynamoSmallPayloads {
  readonly #table: TableAccess;
  readonly #retentionDays: number;

  constructor(table: TableAccess, retentionDays: number) {
    this.#table = table;
    this.#retentionDays = retentionDays;
  }

  /** Durable on return. Writing the same segment again changes nothing. */
  async put(segment: string, bytes: Uint8Array): Promise<void> {
    const { client, name, clock, callAws } = this.#table;
    const ttl = expiry(clock, this.#retentionDays);
    const put = new PutCommand({ TableName: name, Item: { ...keyOf(segment), bytes, ttl } });
    await callAws(SERVICE, () => client.send(put));
  }

  /** The content of those segments that exist. */
  async read(segments: readonly string[]): Promise<Map<string, Uint8Array>> {
    const bySegmentKey = new Map(segments.map((segment) => [joined(keyOf(segment)), segment]));
    const keys = [...bySegmentKey.values()].map(keyOf);
    const found = new Map<string, Uint8Array>();
    for (let start = 0; start < keys.length; start += MOST_GETS) {
      for (const item of await batchGet(this.#table, keys.slice(start, start + MOST_GETS))) {
        const segment = bySegmentKey.get(joined({ pk: item['pk'], sk: item['sk'] }));
        if (segment !== undefined) found.set(segment, item['bytes']);
      }
    }
    return found;
  }
}

interface Key {
  readonly pk: string;
  readonly sk: string;
}

function keyOf(segment: string): Key {
  const name = parseSegmentName(segment);
  const id = segment.slice(segment.lastIndexOf('/') + 1);
  if (name?.isSmall !== true) {
    throw new AppError('internal', `${segment} is no segment of the table.`);
  }
  const tenant = encoded(name.tenant);
  if (name.kind === 'bodies') return { pk: `P#${tenant}#${id}`, sk: 'P' };
  return { pk: logPartition(name.owner), sk: `${tenant}#${id}` };
}

function joined({ pk, sk }: Key): string {
  return `${pk}\n${sk}`;
}
