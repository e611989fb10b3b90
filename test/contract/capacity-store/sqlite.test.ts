import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteCapacityStore } from '../../../shared/adapters/sqlite/capacity-store.ts';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { defineCapacityStoreContract } from './suite.ts';

defineCapacityStoreContract('SQLite in memory', async () => {
  const database = openDatabase(':memory:');
  const store = new SqliteCapacityStore(database);
  return { one: store, other: store, close: () => database.close() };
});

defineCapacityStoreContract('SQLite in a file two connections share', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-capacity-'));
  const path = join(directory, 'state.db');
  const databases = [openDatabase(path), openDatabase(path)] as const;
  return {
    one: new SqliteCapacityStore(databases[0]),
    other: new SqliteCapacityStore(databases[1]),
    async close() {
      for (const database of databases) await database.close();
      await rm(directory, { recursive: true });
    },
  };
});
