import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { createSqliteStores, type SqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import type { StoresUnderTest } from './builders.ts';

export type SqliteUnderTest = SqliteStores & StoresUnderTest & { readonly database: Database };

/** Stores in memory: the twin that unit tests and short runs use. */
export async function makeMemoryStores(): Promise<SqliteUnderTest> {
  return asStores(openDatabase(':memory:'), async () => undefined);
}

/** Stores in a file of their own. */
export async function makeFileStores(): Promise<SqliteUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-contract-'));
  return asStores(openDatabase(join(directory, 'state.db')), () =>
    rm(directory, { recursive: true }),
  );
}

function asStores(database: Database, remove: () => Promise<void>): SqliteUnderTest {
  return {
    ...createSqliteStores(database),
    database,
    async close() {
      await database.close();
      await remove();
    },
  };
}
