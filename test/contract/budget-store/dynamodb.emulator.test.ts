import { DynamoBudgetStore } from '../../../shared/adapters/dynamodb/budget-store.ts';
import { makeTable, openTable } from '../../support/aws-stores.ts';
import { makeTable as makeLedgerTable } from '../../support/dynamo-client.ts';
import { START_MS } from '../builders.ts';
import { ledgerOn, placedStores } from '../dynamodb-stores.ts';
import { defineSettlementContract, type SettlingUnderTest } from './settlement-suite.ts';
import { defineBudgetStoreContract } from './suite.ts';

const nowMs = () => START_MS;

defineBudgetStoreContract('DynamoDB', async () => ({
  budgets: new DynamoBudgetStore(await makeTable(), nowMs),
  close: async () => undefined,
}));

async function makeSettling(): Promise<SettlingUnderTest> {
  const table = await makeLedgerTable();
  return {
    ...ledgerOn(table),
    budgets: new DynamoBudgetStore(openTable(table.name), nowMs),
  };
}

defineSettlementContract('DynamoDB, slices of one', makeSettling);
defineSettlementContract('DynamoDB, shared slices', async () => {
  const { budgets, ...stores } = await makeSettling();
  return { budgets, ...placedStores(stores) };
});
