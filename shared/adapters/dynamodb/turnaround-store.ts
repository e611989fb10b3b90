import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { TurnaroundRecord } from '../../domain/lanes/turnaround.ts';
import type { TurnaroundStore } from '../../ports/turnaround-store.ts';
import { throttled } from '../aws/call-aws.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/** Writes kept by name in the item, so that one whose answer was lost is told from another's. */
const OPERATIONS_KEPT = 8;
const OPERATION_LETTERS = 8;
const MOST_RACES = 30;
/** Mean wait after a lost race. Unit: ms. */
const RACE_DELAY_MS = 20;

interface Version {
  /** 0 while there is no item. */
  readonly version: number;
  readonly record: TurnaroundRecord | null;
  readonly operations: readonly string[];
}

/**
 * How long native batches take: `TURNAROUND#<provider>`, `<model>`, a write for each job that ends.
 * Conditional on the version it was computed from; see DynamoCapacityStore for lost answers.
 */
export class DynamoTurnaroundStore implements TurnaroundStore {
  readonly #table: TableAccess;

  constructor(table: TableAccess) {
    this.#table = table;
  }

  async read(provider: string, model: string): Promise<TurnaroundRecord | null> {
    return (await this.#look(provider, model)).record;
  }

  async update(
    provider: string,
    model: string,
    step: (record: TurnaroundRecord | null) => TurnaroundRecord,
  ): Promise<void> {
    const { clock, random } = this.#table;
    for (let race = 0; race < MOST_RACES; race += 1) {
      if (race > 0) await clock.sleep(2 * RACE_DELAY_MS * random.next());
      const seen = await this.#look(provider, model);
      const name = random.id('').slice(0, OPERATION_LETTERS);
      const isWritten = await this.#write(provider, model, {
        version: seen.version + 1,
        record: step(seen.record),
        operations: [...seen.operations, name].slice(-OPERATIONS_KEPT),
      });
      if (isWritten) return;
      if ((await this.#look(provider, model)).operations.includes(name)) return;
    }
    throw throttled(SERVICE);
  }

  async #look(provider: string, model: string): Promise<Version> {
    const { client, name, callAws } = this.#table;
    const get = new GetCommand({
      TableName: name,
      Key: keyOf(provider, model),
      ConsistentRead: true,
    });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    if (item === undefined) return { version: 0, record: null, operations: [] };
    return {
      version: Number(item['version']),
      record: JSON.parse(String(item['record'])),
      operations: String(item['operations']).split(' '),
    };
  }

  async #write(provider: string, model: string, next: Version): Promise<boolean> {
    const { client, name, callAws } = this.#table;
    const put = new PutCommand({
      TableName: name,
      Item: {
        ...keyOf(provider, model),
        version: next.version,
        record: JSON.stringify(next.record),
        operations: next.operations.join(' '),
      },
      ...(next.version === 1
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : {
            ConditionExpression: 'version = :seen',
            ExpressionAttributeValues: { ':seen': next.version - 1 },
          }),
    });
    try {
      await callAws(SERVICE, () => client.send(put));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}

function keyOf(provider: string, model: string) {
  return { pk: `TURNAROUND#${provider}`, sk: model };
}
