import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { CommitMarkStore } from '../../ports/result-log-reader.ts';
import { expiry } from './table/expiry.ts';
import { readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

export interface CommitMarksOptions {
  /** Whose result log is marked. */
  readonly owner: string;
  /** Marks go with the log they are about. */
  readonly retentionDays: number;
}

/** Up to where a dead owner's result log has been adopted: `MARKS#<owner>`, segment. */
export class DynamoCommitMarks implements CommitMarkStore {
  readonly #table: TableAccess;
  readonly #options: CommitMarksOptions;

  constructor(table: TableAccess, options: CommitMarksOptions) {
    this.#table = table;
    this.#options = options;
  }

  async marks(): Promise<ReadonlyMap<string, number>> {
    const marks = new Map<string, number>();
    for await (const { sk, upto } of readPartition(this.#table, this.#partition))
      marks.set(sk, upto);
    return marks;
  }

  async advance(segment: string, offset: number): Promise<void> {
    const { client, name, callAws, clock } = this.#table;
    const update = new UpdateCommand({
      TableName: name,
      Key: { pk: this.#partition, sk: segment },
      UpdateExpression: 'SET upto = :offset, #ttl = :ttl',
      ConditionExpression: 'attribute_not_exists(upto) OR upto < :offset',
      ExpressionAttributeNames: { '#ttl': 'ttl' },
      ExpressionAttributeValues: {
        ':offset': offset,
        ':ttl': expiry(clock, this.#options.retentionDays),
      },
    });
    try {
      await callAws(SERVICE, () => client.send(update));
    } catch (error) {
      // The mark stands there, or further on, by another reader or by ourselves.
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  get #partition(): string {
    return `MARKS#${this.#options.owner}`;
  }
}
