import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isOutOfSpace, storageFull } from '../../shared/adapters/disk/storage-full.ts';
import { type Database, openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { lockState } from '../../shared/adapters/sqlite/lock.ts';
import { createSqliteStores, type SqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { RunRecords } from './run-records.ts';

const LEDGER = 'ledger.db';

/** A state directory of which this process is the only owner. */
export interface State {
  readonly directory: string;
  readonly stores: SqliteStores;
  readonly records: RunRecords;
  close(): Promise<void>;
}

/**
 * Takes a state directory, and makes it when it is missing. What an input that was never read to
 * its end left behind is thrown away: none of it has been sent.
 *
 * @throws {AppError} `state_locked` when another process has it, `state_conflict` when it was made
 * for something else.
 */
export async function openState(directory: string, purpose: 'run' | 'serve'): Promise<State> {
  const lock = takeLock(directory);
  let database: Database | null = null;
  try {
    database = openDatabase(join(directory, LEDGER));
    let records = new RunRecords(database);
    let stores = createSqliteStores(database);
    refuseOtherPurpose(directory, records.purpose, purpose);
    const isHalfRead =
      purpose === 'run' && records.input === null && (await stores.work.backlog()).length > 0;
    if (isHalfRead) {
      await database.close();
      for (const suffix of ['', '-wal', '-shm']) {
        rmSync(join(directory, `${LEDGER}${suffix}`), { force: true });
      }
      database = openDatabase(join(directory, LEDGER));
      records = new RunRecords(database);
      stores = createSqliteStores(database);
    }
    records.purpose = purpose;
    const opened = database;
    return {
      directory,
      stores,
      records,
      async close() {
        try {
          await opened.close();
        } finally {
          lock.release();
        }
      },
    };
  } catch (error) {
    await database?.close();
    lock.release();
    throw error;
  }
}

function takeLock(directory: string): ReturnType<typeof lockState> {
  try {
    return lockState(directory);
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (isOutOfSpace(error)) throw storageFull(directory, error);
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      'file_not_found',
      `Cannot use ${directory} for state: ${reason}. It must be a directory that can be written; choose one with --state.`,
      { cause: error },
    );
  }
}

function refuseOtherPurpose(
  directory: string,
  found: 'run' | 'serve' | null,
  wanted: 'run' | 'serve',
): void {
  if (found === null || found === wanted) return;
  throw new AppError(
    'state_conflict',
    `${directory} belongs to penstock ${found}. Choose another directory with --state.`,
    { details: { directory, purpose: found } },
  );
}
