import { DynamoFileStore } from '../../../shared/adapters/dynamodb/file-store.ts';
import { DynamoIdClaims } from '../../../shared/adapters/dynamodb/id-claims.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineFileStoreContract } from './suite.ts';

defineFileStoreContract('DynamoDB', async () => {
  const table = await makeTable();
  const nowMs = () => START_MS;
  return {
    files: new DynamoFileStore(table, nowMs, 30),
    claims: new DynamoIdClaims(table, nowMs, 30),
    close: async () => undefined,
  };
});
