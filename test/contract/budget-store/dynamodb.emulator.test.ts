import { TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import {
  DynamoBudgetStore,
  settlementWrite,
} from '../../../shared/adapters/dynamodb/budget-store.ts';
import { makeTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineBudgetStoreContract } from './suite.ts';

defineBudgetStoreContract('DynamoDB', async () => ({
  budgets: new DynamoBudgetStore(await makeTable(), () => START_MS),
  close: async () => undefined,
}));

it('is settled by the transaction of another store', async () => {
  const table = await makeTable();
  const budgets = new DynamoBudgetStore(table, () => START_MS);
  const month = { tenant: 'a', month: '2026-11' };
  await budgets.reserve({ ...month, op: 'one', askedMicroUsd: 700, limitMicroUsd: 1_000 });
  const settlement = { ...month, reservedMicroUsd: 700, spentMicroUsd: 150 };
  await table.client.send(
    new TransactWriteCommand({ TransactItems: [settlementWrite(table.name, settlement)] }),
  );
  expect(await budgets.read('a', '2026-11')).toEqual({ spentMicroUsd: 150, reservedMicroUsd: 0 });
  const rest = { ...month, op: 'two', askedMicroUsd: 850, limitMicroUsd: 1_000 };
  expect(await budgets.reserve(rest)).toEqual({ kind: 'reserved' });
});
