import { DynamoBatchStore } from '../../../shared/adapters/dynamodb/batch-store.ts';
import { Table } from '../../../shared/adapters/dynamodb/table.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineBatchStoreContract } from './suite.ts';

defineBatchStoreContract('DynamoDB', async () => {
  const { client, name, clock, random } = await makeTable();
  const table = new Table(client, name, clock, random);
  return {
    batches: new DynamoBatchStore(table, () => START_MS, 30),
    close: async () => undefined,
  };
});
