import { SqliteCommitMarks } from '../../../shared/adapters/sqlite/commit-marks.ts';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { defineCommitMarksContract } from './suite.ts';

defineCommitMarksContract('SQLite', async () => {
  const database = openDatabase(':memory:');
  return {
    marks: new SqliteCommitMarks(database),
    reopen: async () => new SqliteCommitMarks(database),
    close: () => database.close(),
  };
});
