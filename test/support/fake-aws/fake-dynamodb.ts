/**
 * A DynamoDB table in this process: items, two indices, conditions, transactions, pages, and the
 * units that all of it would cost. Answers the wire protocol, so that the real SDK talks to it.
 */

import {
  OPEN_INDEX,
  TABLE,
  TENANT_INDEX,
} from '../../../shared/adapters/dynamodb/table/table-definition.ts';
import { type Bindings, type Item, meets, updated, type Value } from './expressions.ts';
import { itemBytes, readUnits, writeUnits } from './item-size.ts';
import { SortedItems } from './sorted-items.ts';

const PAGE_BYTES = 1_048_576;
const MOST_ACTIONS = 100;
const MOST_ITEM_BYTES = 409_600;
/** Each item of a transaction is prepared and committed. */
const TRANSACTION_FACTOR = 2;

interface Input extends Readonly<Record<string, unknown>> {
  readonly TableName?: string;
}

/** An error as the service answers it. */
export class ServiceFault extends Error {
  readonly code: string;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: string, detail: Readonly<Record<string, unknown>> = {}) {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

interface Index {
  readonly keys: Keys;
  readonly partitions: Map<string, SortedItems>;
}

interface Write {
  readonly before: Item | null;
  readonly after: Item;
}

export class FakeDynamoDb {
  /** Units consumed, those of indices and of failed conditions included. */
  readonly units = { write: 0, read: 0 };
  /** Calls by operation. */
  readonly calls: Record<string, number> = {};
  /** Told of every write that took effect. */
  onWrite: (before: Item | null, after: Item) => void = () => undefined;
  private readonly partitions = new Map<string, SortedItems>();
  private readonly indices = new Map<string, Index>(
    [OPEN_INDEX, TENANT_INDEX].map((keys) => [keys.name, { keys, partitions: new Map() }]),
  );

  handle(operation: string, input: Input): unknown {
    this.calls[operation] = (this.calls[operation] ?? 0) + 1;
    switch (operation) {
      case 'GetItem':
        return this.getItem(input);
      case 'BatchGetItem':
        return this.batchGet(input);
      case 'Query':
        return this.query(input);
      case 'PutItem':
      case 'UpdateItem':
      case 'DeleteItem':
        return this.write(operation, input);
      case 'TransactWriteItems':
        return this.transact(input);
      default:
        throw new ServiceFault('UnknownOperationException', { message: operation });
    }
  }

  /** Every item, for judging what a run left behind. */
  *all(): Generator<Item> {
    for (const partition of this.partitions.values()) {
      for (const { item } of partition.entries()) yield item;
    }
  }

  /** Size of all items, indices left out. */
  storedBytes(): number {
    let bytes = 0;
    for (const item of this.all()) bytes += itemBytes(item);
    return bytes;
  }

  private getItem(input: Input): unknown {
    const item = this.find(input['Key'] as Item);
    this.units.read += readUnits(itemBytes(item), input['ConsistentRead'] === true);
    return item === null ? {} : { Item: item };
  }

  private batchGet(input: Input): unknown {
    const tables = input['RequestItems'] as Record<string, Input>;
    const responses = Object.entries(tables).map(([name, request]) => {
      const found = (request['Keys'] as Item[]).flatMap((key) => {
        const item = this.find(key);
        this.units.read += readUnits(itemBytes(item), request['ConsistentRead'] === true);
        return item ?? [];
      });
      return [name, found];
    });
    return { Responses: Object.fromEntries(responses), UnprocessedKeys: {} };
  }

  private query(input: Input): unknown {
    if ('FilterExpression' in input) {
      throw new ServiceFault('ValidationException', { message: 'Filters are not known here' });
    }
    const index = this.indices.get(String(input['IndexName'] ?? ''));
    const keys = index?.keys ?? TABLE;
    const bindings = bindingsOf(input);
    const condition = String(input['KeyConditionExpression']);
    const partition = partitionIn(condition, keys.pk, bindings);
    const sorted = (index?.partitions ?? this.partitions).get(partition)?.entries() ?? [];
    const ordered = input['ScanIndexForward'] === false ? sorted.toReversed() : sorted;
    const start = input['ExclusiveStartKey'] as Item | undefined;
    const from =
      start === undefined
        ? 0
        : ordered.findIndex(({ item }) => keyText(item) === keyText(start)) + 1;
    const limit = Number(input['Limit'] ?? Number.POSITIVE_INFINITY);
    const items: Item[] = [];
    let bytes = 0;
    let last: Item | null = null;
    for (const { item } of ordered.slice(from)) {
      if (!meets(condition, item, bindings)) continue;
      items.push(index === undefined ? item : onlyKeys(item, keys));
      bytes += index === undefined ? itemBytes(item) : itemBytes(onlyKeys(item, keys));
      if (items.length < limit && bytes < PAGE_BYTES) continue;
      last = item;
      break;
    }
    this.units.read += readUnits(bytes, input['ConsistentRead'] === true);
    return {
      ...(input['Select'] === 'COUNT' ? {} : { Items: items }),
      Count: items.length,
      ...(last === null ? {} : { LastEvaluatedKey: onlyKeys(last, keys) }),
    };
  }

  private write(operation: string, input: Input): unknown {
    const write = this.prepare(operation, input);
    if ('refusedBy' in write) {
      this.units.write += writeUnits(write.refusedBy, null);
      const wantsItem = input['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD';
      throw new ServiceFault('ConditionalCheckFailedException', {
        message: 'The conditional request failed',
        ...(wantsItem && write.refusedBy !== null ? { Item: write.refusedBy } : {}),
      });
    }
    this.units.write += this.apply(write, operation === 'DeleteItem');
    return input['ReturnValues'] === 'ALL_NEW' ? { Attributes: write.after } : {};
  }

  private transact(input: Input): unknown {
    const actions = (input['TransactItems'] as Record<string, Input>[]).map((action) => {
      const [[kind, details] = ['', {}]] = Object.entries(action);
      return { kind, details };
    });
    if (actions.length > MOST_ACTIONS) throw new ServiceFault('ValidationException');
    const writes = actions.map(({ kind, details }) =>
      this.prepare(kind === 'ConditionCheck' ? kind : `${kind}Item`, details),
    );
    if (writes.some((write) => 'refusedBy' in write)) {
      for (const write of writes) {
        const item = 'refusedBy' in write ? write.refusedBy : write.after;
        this.units.write += TRANSACTION_FACTOR * writeUnits(item, null);
      }
      throw new ServiceFault('TransactionCanceledException', {
        message: 'Transaction cancelled',
        CancellationReasons: writes.map((write) =>
          'refusedBy' in write
            ? {
                Code: 'ConditionalCheckFailed',
                ...(write.refusedBy === null ? {} : { Item: write.refusedBy }),
              }
            : { Code: 'None' },
        ),
      });
    }
    actions.forEach(({ kind }, position) => {
      const write = writes[position];
      if (write === undefined || 'refusedBy' in write || kind === 'ConditionCheck') return;
      this.units.write += TRANSACTION_FACTOR * this.apply(write, kind === 'Delete');
    });
    return {};
  }

  private prepare(operation: string, input: Input): Write | { readonly refusedBy: Item | null } {
    const given = (input['Item'] ?? input['Key']) as Item;
    const before = this.find(given);
    const bindings = bindingsOf(input);
    const condition = input['ConditionExpression'];
    if (typeof condition === 'string' && !meets(condition, before, bindings)) {
      return { refusedBy: before };
    }
    const after =
      operation === 'UpdateItem'
        ? updated(String(input['UpdateExpression']), before ?? given, bindings)
        : given;
    if (itemBytes(after) > MOST_ITEM_BYTES) {
      throw new ServiceFault('ValidationException', { message: 'Item size has exceeded 400 KB' });
    }
    return { before, after };
  }

  /** Returns the units of the table and its indices. */
  private apply({ before, after }: Write, isDelete: boolean): number {
    this.onWrite(before, after);
    const [partition, sort] = [textAt(after, TABLE.pk), textAt(after, TABLE.sk)];
    const stored = this.partitions.get(partition) ?? new SortedItems();
    this.partitions.set(partition, stored);
    if (isDelete) stored.delete(sort);
    else stored.set(sort, after);
    let units = writeUnits(before, isDelete ? null : after);
    for (const { keys, partitions } of this.indices.values()) {
      const [was, is] = [indexKey(before, keys), indexKey(isDelete ? null : after, keys)];
      if (was !== null && was.order !== is?.order) partitions.get(was.partition)?.delete(was.order);
      if (is !== null) {
        const entries = partitions.get(is.partition) ?? new SortedItems();
        partitions.set(is.partition, entries);
        entries.set(is.order, after);
      }
      // An entry that moves is taken out and put in; one whose keys stay costs nothing.
      if (was?.text !== is?.text) units += (was === null ? 0 : 1) + (is === null ? 0 : 1);
    }
    return units;
  }

  private find(key: Item): Item | null {
    return this.partitions.get(textAt(key, TABLE.pk))?.get(textAt(key, TABLE.sk)) ?? null;
  }
}

type Keys = { readonly pk: string; readonly sk: string };

function bindingsOf(input: Input): Bindings {
  return {
    names: (input['ExpressionAttributeNames'] ?? {}) as Record<string, string>,
    values: (input['ExpressionAttributeValues'] ?? {}) as Record<string, Value>,
  };
}

/** The partition a key condition names; it must be its first comparison. */
function partitionIn(condition: string, pk: string, { names, values }: Bindings): string {
  const [, name = '', value = ''] = /^\s*\(?\s*(#?\w+)\s*=\s*(:\w+)/.exec(condition) ?? [];
  const text = values[value]?.['S'];
  if ((names[name] ?? name) !== pk || typeof text !== 'string') {
    throw new ServiceFault('ValidationException', { message: `${pk} must come first` });
  }
  return text;
}

function textAt(item: Item, name: string): string {
  const text = item[name]?.['S'];
  if (typeof text !== 'string') {
    throw new ServiceFault('ValidationException', { message: `${name} is missing` });
  }
  return text;
}

function keyText(item: Item): string {
  return `${textAt(item, TABLE.pk)}\n${textAt(item, TABLE.sk)}`;
}

function indexKey(item: Item | null, { pk, sk }: Keys) {
  const partition = item?.[pk]?.['S'];
  const sort = item?.[sk]?.['S'];
  if (item === null || typeof partition !== 'string' || typeof sort !== 'string') return null;
  const order = `${sort}\u0000${keyText(item)}`;
  return { partition, order, text: `${partition}\n${order}` };
}

function onlyKeys(item: Item, { pk, sk }: Keys): Item {
  const names = new Set([TABLE.pk, TABLE.sk, pk, sk]);
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)));
}
