import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import { DynamoCapacityStore } from '../../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../../shared/adapters/dynamodb/models-seen.ts';
import type { TableAccess } from '../../../shared/adapters/dynamodb/table/table-access.ts';
import { type CapacityState, openState } from '../../../shared/domain/capacity/capacity-state.ts';
import { countCalls, loseAnswers } from '../../support/aws-faults.ts';
import { makeTable, openTable } from '../../support/aws-stores.ts';
import { START_MS } from '../builders.ts';
import { defineCapacityStoreContract } from './suite.ts';

const open = (table: TableAccess) => new DynamoCapacityStore(table, new ModelsSeen(table));

defineCapacityStoreContract('DynamoDB', async () => {
  const table = await makeTable();
  return { one: open(table), other: open(openTable(table.name)), close: async () => undefined };
});

const increment = (state: CapacityState | null) => {
  const before = state ?? openState(null, { perMinute: {} }, START_MS);
  return { state: { ...before, cutAtMs: before.cutAtMs + 1 }, value: before.cutAtMs };
};

it('loses no step of eight workers at once, at a bounded number of calls', async () => {
  const { name } = await makeTable();
  const workers = Array.from({ length: 8 }, () => openTable(name));
  const calls = countCalls(workers.map(({ client }) => client));
  const values = await Promise.all(
    workers.map(async (table) => {
      const store = open(table);
      const seen: number[] = [];
      for (let step = 0; step < 50; step += 1) seen.push(await store.transact('model', increment));
      return seen;
    }),
  );
  const inOrder = values.flat().sort((one, other) => one - other);
  expect(inOrder).toEqual(Array.from({ length: 400 }, (_, step) => step));
  expect(calls.total / 400).toBeLessThan(4);
});

it('needs one call a step while it is alone, and one for all who wait', async () => {
  const table = await makeTable();
  const store = open(table);
  await store.transact('model', increment);
  const calls = countCalls([table.client]);
  for (let step = 0; step < 10; step += 1) await store.transact('model', increment);
  // One look, to learn that nobody else writes.
  expect(calls.total).toBeLessThanOrEqual(11);
  const before = calls.total;
  await Promise.all(Array.from({ length: 30 }, () => store.transact('model', increment)));
  expect(calls.total - before).toBeLessThanOrEqual(2);
  expect((await store.snapshot()).get('model')?.cutAtMs).toBe(41);
});

it('counts a step once whose answer was lost, also when others wrote since', async () => {
  const table = await makeTable();
  const [victim, rival] = [openTable(table.name), openTable(table.name)];
  const store = open(victim);
  const other = open(rival);
  await store.transact('model', increment);
  const losses = loseAnswers(victim.client, 'PutItemCommand', 3, () =>
    other.transact('model', increment),
  );
  for (let step = 0; step < 5; step += 1) await store.transact('model', increment);
  expect(losses.lost).toBe(3);
  expect((await other.snapshot()).get('model')?.cutAtMs).toBe(1 + 5 + 3);
});

it('goes on when the item was deleted under it', async () => {
  const table = await makeTable();
  const store = open(table);
  await store.transact('model', increment);
  await store.transact('model', increment);
  const key = { pk: 'CAPACITY#model', sk: 'C' };
  await table.client.send(new DeleteCommand({ TableName: table.name, Key: key }));
  expect(await store.transact('model', increment)).toBe(0);
});
