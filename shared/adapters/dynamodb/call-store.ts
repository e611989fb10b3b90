import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { CallStore } from '../../ports/call-store.ts';
import { isAwsError } from '../aws/call-aws.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

const SORT_KEY = 'C';

/**
 * Calls under a key in DynamoDB: `T#<tenant>#C#<call id>`, `C`, one write unit each. An answer lost
 * after the write took effect does no harm: tried again, it finds its own fingerprint.
 */
export class DynamoCallStore implements CallStore {
  readonly #table: TableAccess;
  readonly #nowMs: () => number;
  readonly #retentionDays: number;

  /** Calls are known for as long as their requests are kept. */
  constructor(table: TableAccess, nowMs: () => number, retentionDays: number) {
    this.#table = table;
    this.#nowMs = nowMs;
    this.#retentionDays = retentionDays;
  }

  async claim(tenant: string, callId: string, fingerprint: string): Promise<boolean> {
    const { client, name, callAws } = this.#table;
    const key = { pk: `T#${tenant}#C#${callId}`, sk: SORT_KEY };
    const ttl = Math.ceil(this.#nowMs() / 1_000) + this.#retentionDays * 86_400;
    const put = new PutCommand({
      TableName: name,
      Item: { ...key, fingerprint, ttl },
      ConditionExpression: 'attribute_not_exists(pk) OR fingerprint = :fingerprint',
      ExpressionAttributeValues: { ':fingerprint': fingerprint },
    });
    try {
      await callAws(SERVICE, () => client.send(put));
      return true;
    } catch (error) {
      if (isAwsError(error, 'ConditionalCheckFailedException')) return false;
      throw error;
    }
  }
}
