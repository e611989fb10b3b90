import { DynamoFileStore } from '../../../shared/adapters/dynamodb/file-store.ts';
import { DynamoIdClaims } from '../../../shared/adapters/dynamodb/id-claims.ts';
import { Table } from '../../../shared/adapters/dynamodb/table.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineFileStoreContract } from './suite.ts';

defineFileStoreContract('DynamoDB', async () => {
  const { client, name, clock, random } = await makeTable();
  const table = new Table(client, name, clock, random);
  const nowMs = () => START_MS;
  return {
    files: new DynamoFileStore(table, nowMs, 30),
    claims: new DynamoIdClaims(table, nowMs, 30),
    close: async () => undefined,
  };
});
