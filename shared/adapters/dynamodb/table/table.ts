import {
  BatchGetItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { throttled } from '../../aws/call-aws.ts';
import { fromAttributes, type Item, toAttributes } from './attributes.ts';
import { inParallel } from './in-parallel.ts';
import type { Key } from './keys.ts';
import { SERVICE, type TableAccess, transactionToken } from './table-access.ts';
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

/** Rounds of asking for what a BatchGetItem left out, and of meeting another's write. */
const MOST_ROUNDS = 12;
/** Longest wait before the second round; doubles with each. Unit: ms. */
const ROUND_DELAY_MS = 20;
const LONGEST_ROUND_DELAY_MS = 640;

/**
 * The one table, in items of texts and numbers. Reads by key are consistent. What throttling and
 * contention leave undone after a while becomes `capacity_exhausted`.
 */
export class Table {
  readonly #access: TableAccess;

  constructor(access: TableAccess) {
    this.#access = access;
  }

  get #name(): string {
    return this.#access.name;
  }

  get #client(): TableAccess['client'] {
    return this.#access.client;
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
    for (let round = 0; keys.length > 0; round += 1) {
      if (round === MOST_ROUNDS) throw throttled(SERVICE);
      if (round > 0) await this.#pause(round);
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
      ClientRequestToken: transactionToken(this.#access.random),
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

  /** Tries again what only met another's write; faults and throttles are tried again below. */
  async #patiently<Value>(send: () => Promise<Value>): Promise<Value> {
    for (let round = 1; ; round += 1) {
      try {
        return await this.#access.callAws(SERVICE, send);
      } catch (error) {
        const isRefused = cancelledBy(error)?.some((reason) => reason.isRefused) === true;
        if (isRefused || !isContended(error)) throw isRefused ? error : ledgerFault(error);
        if (round === MOST_ROUNDS) throw ledgerFault(error);
        await this.#pause(round);
      }
    }
  }

  #pause(round: number): Promise<void> {
    const { clock, random } = this.#access;
    const mostMs = Math.min(LONGEST_ROUND_DELAY_MS, ROUND_DELAY_MS * 2 ** (round - 1));
    return clock.sleep(Math.ceil(random.next() * mostMs));
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
