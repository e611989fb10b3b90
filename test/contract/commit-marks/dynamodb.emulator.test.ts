import { DynamoCommitMarks } from '../../../shared/adapters/dynamodb/commit-marks.ts';
import { makeTable, openTable } from '../../support/aws-stores.ts';
import { defineCommitMarksContract } from './suite.ts';

defineCommitMarksContract('DynamoDB', async () => {
  const table = await makeTable();
  const options = { owner: 'worker-1', retentionDays: 30 };
  // Another owner's marks stand beside ours and are never seen.
  await new DynamoCommitMarks(table, { ...options, owner: 'worker-2' }).advance('segment', 900);
  return {
    marks: new DynamoCommitMarks(table, options),
    reopen: async () => new DynamoCommitMarks(openTable(table.name), options),
    close: async () => undefined,
  };
});
