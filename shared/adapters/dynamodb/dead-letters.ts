import { DeleteCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { AppError } from '../../domain/errors.ts';
import type { DeadLetter, DeadLetterStore } from '../../ports/dead-letters.ts';
import { expiry } from './table/expiry.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/** Partition of all dead letters; the sort key is the message's id. */
const DEAD = 'DEAD';

/** What an item holds beside its body, with room to spare, under DynamoDB's 400 KB. Unit: bytes. */
const MOST_BODY_BYTES = 390_000;

/** Messages nobody could read, kept as long as requests are: `DEAD`, id. */
export class DynamoDeadLetters implements DeadLetterStore {
  readonly #table: TableAccess;
  readonly #retentionDays: number;

  constructor(table: TableAccess, retentionDays: number) {
    this.#table = table;
    this.#retentionDays = retentionDays;
  }

  /** @throws {AppError} `payload_too_large` for a body that no item holds. */
  async keep(letter: DeadLetter): Promise<void> {
    const { client, name, clock, callAws } = this.#table;
    const bytes = Buffer.byteLength(letter.body);
    if (bytes > MOST_BODY_BYTES) {
      throw new AppError(
        'payload_too_large',
        `The message holds ${bytes} bytes, and at most ${MOST_BODY_BYTES} can be kept. It stays in its dead-letter queue.`,
      );
    }
    const item = { pk: DEAD, sk: letter.id, letter, ttl: expiry(clock, this.#retentionDays) };
    const put = new PutCommand({ TableName: name, Item: item });
    await callAws(SERVICE, () => client.send(put));
  }

  async list(limit: number): Promise<DeadLetter[]> {
    const { client, name, callAws } = this.#table;
    const letters: DeadLetter[] = [];
    let start: Record<string, unknown> | undefined;
    do {
      const query = new QueryCommand({
        TableName: name,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': DEAD },
        ConsistentRead: true,
        Limit: limit - letters.length,
        ExclusiveStartKey: start,
      });
      const page = await callAws(SERVICE, () => client.send(query));
      for (const { letter } of page.Items ?? []) letters.push(letter);
      start = page.LastEvaluatedKey;
    } while (start !== undefined && letters.length < limit);
    return letters;
  }

  async remove(id: string): Promise<void> {
    const { client, name, callAws } = this.#table;
    const remove = new DeleteCommand({ TableName: name, Key: { pk: DEAD, sk: id } });
    await callAws(SERVICE, () => client.send(remove));
  }
}
