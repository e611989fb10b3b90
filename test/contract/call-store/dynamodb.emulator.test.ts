import { DynamoCallStore } from '../../../shared/adapters/dynamodb/call-store.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineCallStoreContract } from './suite.ts';

defineCallStoreContract('DynamoDB', async () => ({
  calls: new DynamoCallStore(await makeTable(), () => START_MS, 30),
  close: async () => undefined,
}));
