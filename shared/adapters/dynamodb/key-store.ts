import { GetCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import type { ApiKeyRecord } from '../../domain/api-key.ts';
import { AppError } from '../../domain/errors.ts';
import type { KeyStore } from '../../ports/key-store.ts';
import { isAwsError } from '../aws/call-aws.ts';
import { type Item, readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess, transactionToken } from './table/table-access.ts';

/** Partition of the keys as they are listed. */
const LISTING = 'KEYS';

interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** What both items of a key hold. */
interface StoredKey {
  readonly record: ApiKeyRecord;
  readonly digest: string;
  /** Absent until the key is revoked. */
  readonly revokedAtMs?: number | undefined;
}

type Writes = NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]['TransactItems']>;

/**
 * API keys in DynamoDB. Each is kept twice, and both items are written in one transaction.
 *
 * | item          | pk             | sk  | read by           |
 * | ------------- | -------------- | --- | ----------------- |
 * | key           | `KEY#<digest>` | `K` | every call        |
 * | key as listed | `KEYS`         | id  | the administrator |
 */
export class DynamoKeyStore implements KeyStore {
  readonly #table: TableAccess;

  constructor(table: TableAccess) {
    this.#table = table;
  }

  async create(record: ApiKeyRecord, digest: string): Promise<void> {
    const content: StoredKey = { record, digest };
    const put = (key: Key) => ({
      Put: {
        TableName: this.#table.name,
        Item: { ...key, ...content },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    });
    try {
      await this.#write([put(byDigest(digest)), put(byId(record.id))]);
    } catch (error) {
      if (!isAwsError(error, 'TransactionCanceledException')) throw error;
      throw new AppError(
        'state_conflict',
        `The key ${record.id} is there already, or another id has the same key. Create it anew.`,
        { cause: error, details: { id: record.id } },
      );
    }
  }

  async findByDigest(digest: string): Promise<ApiKeyRecord | null> {
    const found = await this.#read(byDigest(digest));
    return found && recordOf(found);
  }

  async list(): Promise<ApiKeyRecord[]> {
    const records: ApiKeyRecord[] = [];
    for await (const item of readPartition(this.#table, LISTING))
      records.push(recordOf(stored(item)));
    return records.sort((one, other) => other.createdAtMs - one.createdAtMs);
  }

  async revoke(id: string, atMs: number): Promise<ApiKeyRecord | null> {
    const found = await this.#read(byId(id));
    if (found === null) return null;
    const update = (key: Key) => ({
      Update: {
        TableName: this.#table.name,
        Key: key,
        UpdateExpression: 'SET revokedAtMs = if_not_exists(revokedAtMs, :at)',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':at': atMs },
      },
    });
    await this.#write([update(byDigest(found.digest)), update(byId(id))]);
    const revoked = await this.#read(byId(id));
    return revoked && recordOf(revoked);
  }

  async #read(key: Key): Promise<StoredKey | null> {
    const { client, name, callAws } = this.#table;
    const get = new GetCommand({ TableName: name, Key: key, ConsistentRead: true });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    return item === undefined ? null : stored(item);
  }

  async #write(writes: Writes): Promise<void> {
    const { client, random, callAws } = this.#table;
    const command = new TransactWriteCommand({
      ClientRequestToken: transactionToken(random),
      TransactItems: writes,
    });
    await callAws(SERVICE, () => client.send(command));
  }
}

function byDigest(digest: string): Key {
  return { pk: `KEY#${digest}`, sk: 'K' };
}

function byId(id: string): Key {
  return { pk: LISTING, sk: id };
}

/** Only `create` and `revoke` write such items, so they hold what the port takes. */
function stored(item: Item): StoredKey {
  const { record, digest, revokedAtMs } = item;
  return { record, digest, revokedAtMs };
}

function recordOf({ record, revokedAtMs }: StoredKey): ApiKeyRecord {
  return { ...record, revokedAtMs: revokedAtMs ?? record.revokedAtMs };
}
