import { expect, it } from 'vitest';
import { DynamoTurnaroundStore } from '../../../shared/adapters/dynamodb/turnaround-store.ts';
import { loseAnswers } from '../../support/aws-faults.ts';
import { makeTable, openTable } from '../../support/aws-stores.ts';
import { defineTurnaroundStoreContract, jobsIn, learnHour } from './suite.ts';

defineTurnaroundStoreContract('DynamoDB', async () => {
  const table = await makeTable();
  return {
    one: new DynamoTurnaroundStore(table),
    other: new DynamoTurnaroundStore(openTable(table.name)),
    close: async () => undefined,
  };
});

it('counts a job once whose answer was lost, also when others wrote since', async () => {
  const table = await makeTable();
  const [victim, rival] = [openTable(table.name), openTable(table.name)];
  const store = new DynamoTurnaroundStore(victim);
  const other = new DynamoTurnaroundStore(rival);
  const losses = loseAnswers(victim.client, 'PutItemCommand', 3, () =>
    other.update('openai', 'model', learnHour),
  );
  for (let step = 0; step < 5; step += 1) await store.update('openai', 'model', learnHour);
  expect(losses.lost).toBe(3);
  expect(jobsIn(await other.read('openai', 'model'))).toBe(5 + 3);
});
