import { DynamoKeyStore } from '../../../shared/adapters/dynamodb/key-store.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { defineKeyStoreContract } from './suite.ts';

defineKeyStoreContract('DynamoDB', async () => ({
  keys: new DynamoKeyStore(await makeTable()),
  close: async () => undefined,
}));
