import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { SqliteTurnaroundStore } from '../../../shared/adapters/sqlite/turnaround-store.ts';
import { defineTurnaroundStoreContract } from './suite.ts';

defineTurnaroundStoreContract('SQLite in memory', async () => {
  const database = openDatabase(':memory:');
  const store = new SqliteTurnaroundStore(database);
  return { one: store, other: store, close: () => database.close() };
});

defineTurnaroundStoreContract('SQLite in a file two connections share', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-turnaround-'));
  const path = join(directory, 'state.db');
  const databases = [openDatabase(path), openDatabase(path)] as const;
  return {
    one: new SqliteTurnaroundStore(databases[0]),
    other: new SqliteTurnaroundStore(databases[1]),
    async close() {
      for (const database of databases) await database.close();
      await rm(directory, { recursive: true });
    },
  };
});
