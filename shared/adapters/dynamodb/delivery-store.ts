import { createHash } from 'node:crypto';
import {
  BatchGetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import type {
  Delivery,
  DeliveryStore,
  DeliveryView,
  LeasedDelivery,
  LeaseTerms,
  Settlement,
} from '../../ports/delivery-store.ts';
import { isAwsError } from '../aws/call-aws.ts';
import { expiry } from './table/expiry.ts';
import { inParallel } from './table/in-parallel.ts';
import { type Key, tenantPartition } from './table/keys.ts';
import type { Item } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';
import { OPEN_INDEX, TENANT_INDEX } from './table/table-definition.ts';

/** Partitions of the index that what is due is spread over: one takes 1,000 writes a second. */
const SHARDS = 8;
const WRITES_AT_ONCE = 16;
const STAMP_DIGITS = 16;
/** Longer than any delivery is tried. */
const LEAST_DAYS = 7;
/** How often the index is read for one lease, and how long it is given in between. Unit: ms. */
const MOST_READS = 4;
const INDEX_LAG_MS = 250;
/** Most keys of one BatchGetItem. */
const MOST_LISTED = 100;

/**
 * Deliveries of webhooks in DynamoDB.
 *
 * | item     | pk                         | sk           | gsi1 (while pending)             | gsi2                               |
 * | -------- | -------------------------- | ------------ | -------------------------------- | ---------------------------------- |
 * | delivery | `T#<tenant>#W#<endpoint>`  | `E#<event>`  | `WEBHOOKS#<shard>`, `<due>#<pk>` | `T#<tenant>#W#<endpoint>`, `<age>` |
 *
 * An update whose answer was lost is refused when it is sent again, since it has moved the fence
 * itself: the lease then counts as somebody else's and ends by itself.
 */
export class DynamoDeliveryStore implements DeliveryStore {
  readonly #table: TableAccess;
  readonly #retentionDays: number;

  constructor(table: TableAccess, retentionDays: number) {
    this.#table = table;
    this.#retentionDays = Math.max(retentionDays, LEAST_DAYS);
  }

  async add(deliveries: readonly Delivery[]): Promise<void> {
    const { client, name, clock, callAws } = this.#table;
    const ttl = expiry(clock, this.#retentionDays);
    await inParallel(deliveries, WRITES_AT_ONCE, async (delivery) => {
      const { createdAtMs } = delivery;
      const key = keyOf(delivery);
      const put = new PutCommand({
        TableName: name,
        Item: {
          ...key,
          delivery,
          status: 'pending',
          attempts: 0,
          dueAtMs: createdAtMs,
          fault: null,
          fence: 0,
          ttl,
          [OPEN_INDEX.partition]: shardOf(key),
          [OPEN_INDEX.sort]: dueSort(createdAtMs, key),
          [TENANT_INDEX.partition]: key.pk,
          [TENANT_INDEX.sort]: `${padded(createdAtMs)}#${key.sk}`,
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      });
      try {
        await callAws(SERVICE, () => client.send(put));
      } catch (error) {
        if (!isAwsError(error, 'ConditionalCheckFailedException')) throw error;
      }
    });
  }

  /** The index is a moment behind: what it shows may be leased or ended. Then it is read again. */
  async lease(terms: LeaseTerms): Promise<LeasedDelivery[]> {
    for (let read = 1; ; read += 1) {
      const candidates = await this.#longestDue(terms);
      const leased = await inParallel(candidates, WRITES_AT_ONCE, (item) =>
        this.#leaseOne(item, terms),
      );
      const ours = leased.flat();
      if (ours.length > 0 || candidates.length === 0 || read === MOST_READS) return ours;
      await this.#table.clock.sleep(INDEX_LAG_MS);
    }
  }

  async #longestDue({ nowMs, limit }: LeaseTerms): Promise<Item[]> {
    const shards = Array.from({ length: SHARDS }, (_, shard) => `WEBHOOKS#${shard}`);
    const found = await Promise.all(
      shards.map((shard) =>
        this.#query({
          IndexName: OPEN_INDEX.name,
          KeyConditionExpression: '#partition = :partition AND #sort < :sort',
          ExpressionAttributeNames: {
            '#partition': OPEN_INDEX.partition,
            '#sort': OPEN_INDEX.sort,
          },
          ExpressionAttributeValues: { ':partition': shard, ':sort': padded(nowMs + 1) },
          Limit: limit,
        }),
      ),
    );
    return found
      .flat()
      .toSorted((one, other) => (one[OPEN_INDEX.sort] < other[OPEN_INDEX.sort] ? -1 : 1))
      .slice(0, limit);
  }

  async #leaseOne({ pk, sk }: Item, { nowMs, untilMs }: LeaseTerms): Promise<LeasedDelivery[]> {
    const key: Key = { pk, sk };
    const item = await this.#update(key, {
      UpdateExpression: `SET dueAtMs = :until, ${OPEN_INDEX.sort} = :sort ADD fence :one`,
      ConditionExpression: '#status = :pending AND dueAtMs <= :now',
      ExpressionAttributeValues: {
        ':until': untilMs,
        ':sort': dueSort(untilMs, key),
        ':one': 1,
        ':pending': 'pending',
        ':now': nowMs,
      },
    });
    return item === null ? [] : [{ ...readView(item), fence: Number(item['fence']) }];
  }

  async settle(delivery: LeasedDelivery, settlement: Settlement): Promise<boolean> {
    const { status, attempts, dueAtMs, fault } = settlement;
    const key = keyOf(delivery);
    const index =
      status === 'pending'
        ? `, ${OPEN_INDEX.sort} = :sort`
        : ` REMOVE ${OPEN_INDEX.partition}, ${OPEN_INDEX.sort}`;
    const item = await this.#update(key, {
      UpdateExpression: `SET #status = :status, attempts = :attempts, dueAtMs = :due, fault = :fault${index}`,
      ConditionExpression: 'fence = :fence AND #status = :pending',
      ExpressionAttributeValues: {
        ':status': status,
        ':attempts': attempts,
        ':due': dueAtMs,
        ':fault': fault,
        ':fence': delivery.fence,
        ':pending': 'pending',
        ...(status === 'pending' ? { ':sort': dueSort(dueAtMs, key) } : {}),
      },
    });
    return item !== null;
  }

  async list(tenant: string, endpointId: string, limit: number): Promise<DeliveryView[]> {
    const { client, name, callAws } = this.#table;
    const newest = await this.#query({
      IndexName: TENANT_INDEX.name,
      KeyConditionExpression: '#partition = :partition',
      ExpressionAttributeNames: { '#partition': TENANT_INDEX.partition },
      ExpressionAttributeValues: { ':partition': partitionOf(tenant, endpointId) },
      ScanIndexForward: false,
      Limit: Math.min(limit, MOST_LISTED),
    });
    const items = new Map<string, Item>();
    let keys: Item[] = newest.map(({ pk, sk }) => ({ pk, sk }));
    while (keys.length > 0) {
      const get = new BatchGetCommand({ RequestItems: { [name]: { Keys: keys } } });
      const output = await callAws(SERVICE, () => client.send(get));
      for (const item of output.Responses?.[name] ?? []) items.set(item['sk'], item);
      keys = output.UnprocessedKeys?.[name]?.Keys ?? [];
    }
    return newest.flatMap(({ sk }) => {
      const item = items.get(sk);
      return item === undefined ? [] : [readView(item)];
    });
  }

  async #query(input: Omit<QueryCommandInput, 'TableName'>): Promise<Item[]> {
    const { client, name, callAws } = this.#table;
    const query = new QueryCommand({ TableName: name, ...input });
    const { Items: items } = await callAws(SERVICE, () => client.send(query));
    return items ?? [];
  }

  /** What the item is after the update, or `null` when the condition does not hold. */
  async #update(
    key: Key,
    input: Pick<
      UpdateCommandInput,
      'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeValues'
    >,
  ): Promise<Item | null> {
    const { client, name, callAws } = this.#table;
    const update = new UpdateCommand({
      TableName: name,
      Key: key,
      ExpressionAttributeNames: { '#status': 'status' },
      ReturnValues: 'ALL_NEW',
      ...input,
    });
    try {
      const { Attributes: item } = await callAws(SERVICE, () => client.send(update));
      return item ?? null;
    } catch (error) {
      if (isAwsError(error, 'ConditionalCheckFailedException')) return null;
      throw error;
    }
  }
}

function partitionOf(tenant: string, endpointId: string): string {
  return `${tenantPartition(tenant)}#W#${endpointId}`;
}

function keyOf({ tenant, endpointId, eventId }: Delivery): Key {
  return { pk: partitionOf(tenant, endpointId), sk: `E#${eventId}` };
}

function shardOf({ pk, sk }: Key): string {
  const digest = createHash('sha256').update(`${pk}\n${sk}`).digest();
  return `WEBHOOKS#${digest.readUInt8(0) % SHARDS}`;
}

function dueSort(dueAtMs: number, { pk, sk }: Key): string {
  return `${padded(dueAtMs)}#${pk}#${sk}`;
}

function padded(ms: number): string {
  return String(ms).padStart(STAMP_DIGITS, '0');
}

/** Only this store writes such items, so they hold what the port takes. */
function readView({ delivery, status, attempts, dueAtMs, fault }: Item): DeliveryView {
  const { tenant, endpointId, eventId, type, body, createdAtMs } = delivery;
  return {
    tenant,
    endpointId,
    eventId,
    type,
    body,
    createdAtMs,
    status,
    attempts,
    dueAtMs,
    fault,
  };
}
