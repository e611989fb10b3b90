import { DynamoBatchStore } from '../../../shared/adapters/dynamodb/batch-store.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineBatchStoreContract } from './suite.ts';

defineBatchStoreContract('DynamoDB', async () => {
  const table = await makeTable();
  return {
    batches: new DynamoBatchStore(table, () => START_MS, 30),
    close: async () => undefined,
  };
});
