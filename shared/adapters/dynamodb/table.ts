import {
  BatchGetItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { fromAttributes, type Item, toAttributes } from './attributes.ts';
import { inParallel } from './in-parallel.ts';
import type { Key } from './keys.ts';
import { TABLE_INDEXES, TABLE_KEYS } from './table-definition.ts';
import {
  type CancelReason,
  cancelledBy,
  isContended,
  ledgerFault,
  refusedBy,
} from './write-faults.ts';

/** An expression of DynamoDB, in which `#name` is an attribute and `:name` one of the values. */
export interface Expression {
  readonly text: string;
  readonly values?: Item;
}

/** One action of a transaction. */
export type Action =
  | { readonly put: Item; readonly condition?: Expression }
  | { readonly update: Key; readonly change: Expression; readonly condition?: Expression };

/** A conditional write that did not happen, and what stood in its way. */
export interface Refusal {
  readonly item: Item | null;
}

export interface Page {
  readonly index?: (typeof TABLE_INDEXES)[number]['name'];
  readonly partition: string;
  /** Condition on the sort key, which is `#sort` in it. */
  readonly sort?: Expression;
  readonly isDescending?: boolean;
  /** Items per page. @default as many as DynamoDB gives */
  readonly pageSize?: number;
}

/** Most of DynamoDB: keys of one BatchGetItem, actions of one TransactWriteItems. */
const KEYS_PER_GET = 100;
export const ACTIONS_PER_TRANSACTION = 100;
const GETS_AT_ONCE = 8;

/** How often a write that met another's is tried, and how long in between at first. Unit: ms. */
const CONTENTION_TRIES = 12;
const CONTENTION_WAIT_MS = 10;
const LONGEST_WAIT_MS = 640;

/**
 * The one table, in items of texts and numbers. Reads by key are consistent. Throttling that
 * outlasts the client's own retries becomes `capacity_exhausted`.
 */
export class Table {
  readonly #client: DynamoDBDocumentClient;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(client: DynamoDBDocumentClient, name: string, clock: Clock, random: Random) {
    this.#client = client;
    this.#name = name;
    this.#clock = clock;
    this.#random = random;
  }

  async get({ pk, sk }: Key): Promise<Item | null> {
    const command = new GetItemCommand({
      TableName: this.#name,
      Key: toAttributes({ pk, sk }),
      ConsistentRead: true,
    });
    const { Item: found } = await this.#patiently(() => this.#client.send(command));
    return found === undefined ? null : fromAttributes(found);
  }

  /** What lies under the keys, index-aligned. */
  async getMany(keys: readonly Key[]): Promise<(Item | null)[]> {
    const found = new Map<string, Item>();
    const distinct = [...new Map(keys.map((key) => [nameOf(key), key])).values()];
    const groups: Key[][] = [];
    for (let start = 0; start < distinct.length; start += KEYS_PER_GET) {
      groups.push(distinct.slice(start, start + KEYS_PER_GET));
    }
    await inParallel(groups, GETS_AT_ONCE, async (group) => {
      for (const item of await this.#getGroup(group)) found.set(nameOf(item), item);
    });
    return keys.map((key) => found.get(nameOf(key)) ?? null);
  }

  async #getGroup(group: readonly Key[]): Promise<Item[]> {
    const items: Item[] = [];
    let keys = group.map(({ pk, sk }) => toAttributes({ pk, sk }));
    for (let attempt = 0; keys.length > 0; attempt += 1) {
      if (attempt > 0) await this.#pause(attempt);
      const command = new BatchGetItemCommand({
        RequestItems: { [this.#name]: { Keys: keys, ConsistentRead: true } },
      });
      const output = await this.#patiently(() => this.#client.send(command));
      for (const item of output.Responses?.[this.#name] ?? []) items.push(fromAttributes(item));
      keys = output.UnprocessedKeys?.[this.#name]?.Keys ?? [];
    }
    return items;
  }

  /** Pages of a partition, of the table (consistently) or of an index. */
  async *query({ index, partition, sort, isDescending, pageSize }: Page): AsyncGenerator<Item[]> {
    const keys = TABLE_INDEXES.find(({ name }) => name === index) ?? TABLE_KEYS;
    const condition = sort === undefined ? '' : ` AND ${sort.text}`;
    let start: Parameters<typeof fromAttributes>[0] | undefined;
    do {
      const command = new QueryCommand({
        TableName: this.#name,
        ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
        KeyConditionExpression: `#partition = :partition${condition}`,
        ExpressionAttributeNames: {
          '#partition': keys.partition,
          ...(sort && { '#sort': keys.sort }),
        },
        ExpressionAttributeValues: valuesOf({ partition, ...sort?.values }),
        ScanIndexForward: isDescending !== true,
        Limit: pageSize,
        ExclusiveStartKey: start,
      });
      const output = await this.#patiently(() => this.#client.send(command));
      yield (output.Items ?? []).map(fromAttributes);
      start = output.LastEvaluatedKey;
    } while (start !== undefined);
  }

  /** Puts an item; `null` when it stands, else what refused it. */
  async put(item: Item, condition?: Expression): Promise<Refusal | null> {
    const command = new PutItemCommand({
      TableName: this.#name,
      Item: toAttributes(item),
      ...conditionOf(condition),
    });
    return this.#conditionally(() => this.#client.send(command));
  }

  async update(
    { pk, sk }: Key,
    change: Expression,
    condition: Expression,
  ): Promise<Refusal | null> {
    const command = new UpdateItemCommand({
      TableName: this.#name,
      Key: toAttributes({ pk, sk }),
      UpdateExpression: change.text,
      ...conditionOf(condition, change),
    });
    return this.#conditionally(() => this.#client.send(command));
  }

  /** All of it or nothing; `null` when it stands, else who refused, index-aligned with the actions. */
  async transact(actions: readonly Action[]): Promise<readonly CancelReason[] | null> {
    const command = new TransactWriteItemsCommand({
      TransactItems: actions.map((action) => this.#transactItem(action)),
    });
    try {
      await this.#patiently(() => this.#client.send(command));
      return null;
    } catch (error) {
      const reasons = cancelledBy(error);
      if (reasons?.some(({ isRefused }) => isRefused)) return reasons;
      throw error;
    }
  }

  #transactItem(action: Action): TransactWriteItem {
    const TableName = this.#name;
    if ('put' in action) {
      const Item = toAttributes(action.put);
      return { Put: { TableName, Item, ...conditionOf(action.condition) } };
    }
    const { update, change, condition } = action;
    const Key = toAttributes({ pk: update.pk, sk: update.sk });
    const UpdateExpression = change.text;
    return { Update: { TableName, Key, UpdateExpression, ...conditionOf(condition, change) } };
  }

  async #conditionally(send: () => Promise<unknown>): Promise<Refusal | null> {
    try {
      await this.#patiently(send);
      return null;
    } catch (error) {
      const refusal = refusedBy(error);
      if (refusal === null) throw error;
      return refusal;
    }
  }

  /** Tries again what only met another's write; all else has been retried by the client. */
  async #patiently<Value>(send: () => Promise<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        const isRefused = cancelledBy(error)?.some((reason) => reason.isRefused) === true;
        if (isRefused || refusedBy(error) !== null) throw error;
        if (!isContended(error) || attempt === CONTENTION_TRIES) {
          throw ledgerFault(error, this.#random.next());
        }
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const mostMs = Math.min(LONGEST_WAIT_MS, CONTENTION_WAIT_MS * 2 ** attempt);
    return this.#clock.sleep(Math.ceil(this.#random.next() * mostMs));
  }
}

function conditionOf(condition: Expression | undefined, change?: Expression) {
  const texts = [condition?.text ?? '', change?.text ?? ''].join(' ');
  const names = Object.fromEntries(
    [...texts.matchAll(/#(\w+)/g)].map(([placeholder, name = '']) => [placeholder, name]),
  );
  const values = { ...change?.values, ...condition?.values };
  return {
    ...(condition && {
      ConditionExpression: condition.text,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    }),
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: valuesOf(values) }),
  };
}

function valuesOf(values: Item) {
  const named = Object.entries(values).map(([name, value]) => [`:${name}`, value] as const);
  return toAttributes(Object.fromEntries(named));
}

function nameOf({ pk, sk }: Readonly<Record<string, unknown>> | Key): string {
  return `${pk}\n${sk}`;
}
