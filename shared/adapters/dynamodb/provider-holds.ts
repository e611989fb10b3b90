import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { ProviderHold, ProviderHolds } from '../../ports/provider-holds.ts';
import { readPartition } from './table/read-partition.ts';
import { SERVICE, type TableAccess } from './table/table-access.ts';

/** Partition of all holds; the sort key is the provider. */
const HOLDS = 'HOLDS';

/** Which providers are held, as all workers of a deployment know it. */
export class DynamoProviderHolds implements ProviderHolds {
  readonly #table: TableAccess;

  constructor(table: TableAccess) {
    this.#table = table;
  }

  async hold(hold: ProviderHold): Promise<void> {
    const { client, name, callAws } = this.#table;
    const put = new PutCommand({ TableName: name, Item: { pk: HOLDS, sk: hold.provider, hold } });
    await callAws(SERVICE, () => client.send(put));
  }

  async release(provider: string): Promise<void> {
    const { client, name, callAws } = this.#table;
    const remove = new DeleteCommand({ TableName: name, Key: { pk: HOLDS, sk: provider } });
    await callAws(SERVICE, () => client.send(remove));
  }

  async list(): Promise<ProviderHold[]> {
    const holds: ProviderHold[] = [];
    for await (const { hold } of readPartition(this.#table, HOLDS)) holds.push(hold);
    return holds;
  }
}
