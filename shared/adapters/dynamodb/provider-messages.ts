import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { ProviderMessages } from '../../ports/provider-webhooks.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

const SORT_KEY = 'M';

/** A provider sends again for three days. Source: OpenAI's guide to webhooks, read 2026-11-23. Unit: s. */
const KEPT_SECONDS = 4 * 86_400;

/** Messages of providers that have had their effect: `PM#<provider>#<webhook id>`, `M`. */
export class DynamoProviderMessages implements ProviderMessages {
  readonly #table: TableAccess;

  constructor(table: TableAccess) {
    this.#table = table;
  }

  async isKnown(provider: string, webhookId: string): Promise<boolean> {
    const { client, name, callAws } = this.#table;
    const get = new GetCommand({
      TableName: name,
      Key: keyOf(provider, webhookId),
      ConsistentRead: true,
    });
    const { Item: item } = await callAws(SERVICE, () => client.send(get));
    return item !== undefined;
  }

  async note(provider: string, webhookId: string, atMs: number): Promise<void> {
    const { client, name, callAws } = this.#table;
    const ttl = Math.ceil(atMs / 1_000) + KEPT_SECONDS;
    const put = new PutCommand({ TableName: name, Item: { ...keyOf(provider, webhookId), ttl } });
    await callAws(SERVICE, () => client.send(put));
  }
}

/** A provider's name holds no #. */
function keyOf(provider: string, webhookId: string) {
  return { pk: `PM#${provider}#${webhookId}`, sk: SORT_KEY };
}
