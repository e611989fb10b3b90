import { type FileHandle, open } from 'node:fs/promises';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';
import { GroupSync } from '../disk/group-sync.ts';
import { storageFull } from '../disk/storage-full.ts';
import { Checkpointer } from './checkpointer.ts';
import { number } from './columns.ts';
import { SCHEMA_STEPS } from './schema.ts';

/** How long a statement waits for another process that writes. Unit: ms. */
const BUSY_TIMEOUT_MS = 5_000;

/** Unit: KiB, as a negative number, by SQLite's convention. */
const CACHE_SIZE = -32_768;

/** Primary result codes. Source: https://www.sqlite.org/rescode.html, read 2026-11-24. */
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
export const SQLITE_BUSY = 5;

/**
 * One open state database. Transactions are synchronous, so nothing interleaves inside one;
 * keep each short and split long work.
 */
export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #walSync: GroupSync;
  readonly #checkpointer: Checkpointer;
  #wal: FileHandle | null = null;

  constructor(connection: DatabaseSync, path: string) {
    this.#connection = connection;
    this.path = path;
    this.#walSync = new GroupSync(async () => {
      this.#wal ??= await open(`${path}-wal`, 'r');
      await this.#wal.datasync();
    });
    this.#checkpointer = new Checkpointer(
      path,
      () => connection.exec('PRAGMA wal_checkpoint(PASSIVE)'),
      () => connection.exec('PRAGMA wal_autocheckpoint = 1000'),
    );
  }

  /** The prepared statement, made once. Its rows are arrays. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#connection.prepare(sql);
    statement.setReturnArrays(true);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs `work` in one write transaction: all of it stands, or none. */
  transaction<Value>(work: () => Value): Value {
    try {
      this.statement('BEGIN IMMEDIATE').run();
      const value = work();
      this.statement('COMMIT').run();
      this.#noteChanges();
      return value;
    } catch (error) {
      // SQLite has rolled back by itself after some faults, a full disk among them.
      if (this.#connection.isTransaction) this.statement('ROLLBACK').run();
      throw storageError(error, this.path);
    }
  }

  /**
   * Resolves once everything committed so far survives a loss of power. A commit alone survives
   * the death of the process. One flush serves all who ask meanwhile.
   */
  async flush(): Promise<void> {
    if (this.path !== ':memory:') await this.#walSync.flush();
  }

  #noteChanges(): void {
    if (this.path === ':memory:') return;
    const changes = this.statement('SELECT total_changes()').get()?.[0];
    this.#checkpointer.noteChanges(number(changes));
  }

  async close(): Promise<void> {
    await this.#checkpointer.close();
    await this.flush();
    await this.#wal?.close();
    this.#connection.close();
  }
}

/**
 * Opens a state database, and creates or upgrades it where needed.
 *
 * @throws {AppError} `storage_full` when the disk is; `state_conflict` when the file is not ours
 * or was written by a newer Penstock; `file_not_found` when its directory is missing or closed.
 */
export function openDatabase(path: string): Database {
  let connection: DatabaseSync | null = null;
  try {
    connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    connection.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA temp_store = MEMORY;
      PRAGMA cache_size = ${CACHE_SIZE};
    `);
    upgrade(connection, path);
    return new Database(connection, path);
  } catch (error) {
    connection?.close();
    throw storageError(error, path);
  }
}

function upgrade(connection: DatabaseSync, path: string): void {
  if (schemaVersion(connection) === SCHEMA_STEPS.length) return;
  connection.exec('BEGIN IMMEDIATE');
  // Read again inside the lock: another process may have upgraded in between.
  const version = schemaVersion(connection);
  if (version > SCHEMA_STEPS.length) {
    throw new AppError(
      'state_conflict',
      `${path} was written by a newer Penstock (schema ${version}, this one knows ${SCHEMA_STEPS.length}). Use that version, or another state directory.`,
      { details: { path, version, known: SCHEMA_STEPS.length } },
    );
  }
  for (const step of SCHEMA_STEPS.slice(version)) connection.exec(step);
  connection.exec(`PRAGMA user_version = ${SCHEMA_STEPS.length}`);
  connection.exec('COMMIT');
}

function schemaVersion(connection: DatabaseSync): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

/** The primary result code of an SQLite fault, or `null` when the error is none. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}

function storageError(error: unknown, path: string): unknown {
  switch (sqliteCode(error)) {
    case SQLITE_FULL:
      return storageFull(path, error);
    case SQLITE_CANTOPEN:
      return new AppError(
        'file_not_found',
        `Cannot open ${path}. Its directory must exist and be writable.`,
        { cause: error, details: { path } },
      );
    case SQLITE_NOTADB:
      return new AppError(
        'state_conflict',
        `${path} is not a Penstock state file. Choose another state directory, or remove the file.`,
        { cause: error, details: { path } },
      );
    default:
      return error;
  }
}
