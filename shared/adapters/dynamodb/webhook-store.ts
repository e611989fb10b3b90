import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { WebhookEndpoint } from '../../domain/webhooks/webhook-endpoint.ts';
import type { WebhookStore } from '../../ports/webhook-store.ts';
import { isAwsError } from '../aws/call-aws.ts';
import { type Key, tenantPartition } from './table/keys.ts';
import { readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/**
 * Endpoints of webhooks in DynamoDB: `T#<tenant>#WEBHOOKS`, id. Secrets lie beside them, encrypted
 * as all of the table is.
 */
export class DynamoWebhookStore implements WebhookStore {
  readonly #table: TableAccess;

  constructor(table: TableAccess) {
    this.#table = table;
  }

  /** Repeated after an answer was lost, it finds its own endpoint and is content. */
  async create(endpoint: WebhookEndpoint): Promise<void> {
    await this.#put(endpoint, {
      ConditionExpression: 'attribute_not_exists(pk) OR endpoint = :endpoint',
      ExpressionAttributeValues: { ':endpoint': endpoint },
    });
  }

  async find(tenant: string, id: string): Promise<WebhookEndpoint | null> {
    const { client, name, callAws } = this.#table;
    const get = new GetCommand({ TableName: name, Key: keyOf(tenant, id), ConsistentRead: true });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    return item?.['endpoint'] ?? null;
  }

  async list(tenant: string): Promise<WebhookEndpoint[]> {
    const endpoints: WebhookEndpoint[] = [];
    for await (const { endpoint } of readPartition(this.#table, partitionOf(tenant))) {
      endpoints.push(endpoint);
    }
    return endpoints.sort(
      (one, other) => one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : 1),
    );
  }

  async replace(endpoint: WebhookEndpoint): Promise<boolean> {
    try {
      await this.#put(endpoint, {
        ConditionExpression: 'version = :before OR endpoint = :endpoint',
        ExpressionAttributeValues: { ':before': endpoint.version - 1, ':endpoint': endpoint },
      });
      return true;
    } catch (error) {
      if (isAwsError(error, 'ConditionalCheckFailedException')) return false;
      throw error;
    }
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    const { client, name, callAws } = this.#table;
    const remove = new DeleteCommand({
      TableName: name,
      Key: keyOf(tenant, id),
      ReturnValues: 'ALL_OLD',
    });
    const { Attributes: removed } = await callAws(SERVICE, () => client.send(remove));
    return removed !== undefined;
  }

  async #put(
    endpoint: WebhookEndpoint,
    condition: {
      readonly ConditionExpression: string;
      readonly ExpressionAttributeValues: Record<string, unknown>;
    },
  ): Promise<void> {
    const { client, name, callAws } = this.#table;
    const { tenant, id, version } = endpoint;
    const put = new PutCommand({
      TableName: name,
      Item: { ...keyOf(tenant, id), version, endpoint },
      ...condition,
    });
    await callAws(SERVICE, () => client.send(put));
  }
}

function partitionOf(tenant: string): string {
  return `${tenantPartition(tenant)}#WEBHOOKS`;
}

function keyOf(tenant: string, id: string): Key {
  return { pk: partitionOf(tenant), sk: id };
}
