import { type AttributeValue, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  TABLE_INDEXES,
  TABLE_KEYS,
} from '../../shared/adapters/dynamodb/table/table-definition.ts';

type Attributes = Record<string, AttributeValue>;

/** What a client's writes cost, by DynamoDB's own rules. */
export interface WriteUnits {
  /** Units of the table and its indexes. */
  readonly total: number;
  readonly byOperation: Readonly<Record<string, number>>;
  /** Calls by operation, reads included. */
  readonly calls: Readonly<Record<string, number>>;
}

export interface WriteUnitCounter {
  readonly counted: WriteUnits;
  reset(): void;
}

const BYTES_PER_UNIT = 1_024;
const IN_TRANSACTION = 2;

/**
 * Counts write units from the calls a client makes, since an emulator's own figures are not to be
 * relied on. Per write: a unit a begun kilobyte of the larger of the old and the new item, twice
 * in a transaction; per index entry that appears, changes or goes: one, two or one, never twice,
 * because indexes are written afterwards. A refused write costs what it would have read.
 * Source: DynamoDB developer guide, "Provisioned capacity mode", read 2026-11.
 *
 * Updates are looked up afterwards, with a client of our own, to learn the size they left.
 */
export function countWriteUnits(client: DynamoDBDocumentClient): WriteUnitCounter {
  const lookup = new DynamoDBClient();
  const items = new Map<string, Attributes>();
  let byOperation: Record<string, number> = {};
  let calls: Record<string, number> = {};

  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context.commandName ?? '').replace(/(Item|Items)?Command$/, '');
      calls[operation] = (calls[operation] ?? 0) + 1;
      const writes = writesOf(args.input as WriteInput);
      const charge = async (isDone: boolean) => {
        for (const write of writes) {
          const units = await unitsOf(write, isDone);
          byOperation[operation] = (byOperation[operation] ?? 0) + units;
        }
      };
      try {
        const result = await next(args);
        await charge(true);
        return result;
      } catch (error) {
        await charge(false);
        throw error;
      }
    },
    // Below the retries, so that every try counts, and above the reading of answers.
    { step: 'deserialize', priority: 'high', name: 'countWriteUnits' },
  );

  async function unitsOf(write: Write, isDone: boolean): Promise<number> {
    const name = JSON.stringify([write.table, write.key]);
    const before = items.get(name);
    const after = isDone ? (write.item ?? (await read(write))) : before;
    if (after !== undefined) items.set(name, after);
    const bytes = Math.max(sizeOf(before), sizeOf(after), 1);
    const table = Math.ceil(bytes / BYTES_PER_UNIT) * (write.isInTransaction ? IN_TRANSACTION : 1);
    return table + (isDone ? indexUnits(before, after) : 0);
  }

  async function read({ table, key }: Write): Promise<Attributes | undefined> {
    const command = new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true });
    return (await lookup.send(command)).Item;
  }

  return {
    get counted() {
      const total = Object.values(byOperation).reduce((sum, units) => sum + units, 0);
      return { total, byOperation, calls };
    },
    reset() {
      byOperation = {};
      calls = {};
    },
  };
}

interface Write {
  readonly table: string;
  readonly key: Attributes;
  /** As a put leaves it; an update's is looked up. */
  readonly item?: Attributes;
  readonly isInTransaction: boolean;
}

interface WriteInput {
  readonly TableName?: string;
  readonly Item?: Attributes;
  readonly Key?: Attributes;
  readonly UpdateExpression?: string;
  readonly TransactItems?: readonly Readonly<Record<'Put' | 'Update', WriteInput | undefined>>[];
}

function writesOf(input: WriteInput, isInTransaction = false): Write[] {
  if (input.TransactItems) {
    return input.TransactItems.flatMap(({ Put, Update }) => writesOf(Put ?? Update ?? {}, true));
  }
  const table = input.TableName ?? '';
  if (input.Item) {
    return [{ table, key: keyOf(input.Item), item: input.Item, isInTransaction }];
  }
  return input.UpdateExpression && input.Key ? [{ table, key: input.Key, isInTransaction }] : [];
}

function keyOf(item: Attributes): Attributes {
  const key: Attributes = {};
  for (const name of [TABLE_KEYS.partition, TABLE_KEYS.sort]) {
    const value = item[name];
    if (value !== undefined) key[name] = value;
  }
  return key;
}

function indexUnits(before: Attributes | undefined, after: Attributes | undefined): number {
  return TABLE_INDEXES.reduce((sum, { partition, sort }) => {
    const [old, fresh] = [before, after].map((item) =>
      item?.[partition] && item[sort] ? JSON.stringify([item[partition], item[sort]]) : null,
    );
    if (old === fresh) return sum;
    return sum + (old === null ? 0 : 1) + (fresh === null ? 0 : 1);
  }, 0);
}

/** Names and values, as DynamoDB counts them for items of texts and numbers. Unit: bytes. */
function sizeOf(item: Attributes | undefined): number {
  return Object.entries(item ?? {}).reduce((sum, [name, { S, N }]) => {
    const value = S !== undefined ? Buffer.byteLength(S) : Math.ceil((N?.length ?? 0) / 2) + 1;
    return sum + Buffer.byteLength(name) + value;
  }, 0);
}
