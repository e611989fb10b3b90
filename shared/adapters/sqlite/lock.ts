import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';
import { SQLITE_BUSY, sqliteCode } from './database.ts';

/** Sole ownership of a state directory. */
export interface StateLock {
  release(): void;
}

/**
 * Takes a state directory for this process, and makes it when it is missing. The lock is an open
 * transaction on a file of its own: the operating system drops it when the process dies, however
 * it dies, so a stale lock cannot exist. Not for network file systems that do not lock.
 *
 * @throws {AppError} `state_locked` when another process, or this one, has it already.
 */
export function lockState(directory: string): StateLock {
  mkdirSync(directory, { recursive: true });
  const connection = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
  const holderPath = join(directory, 'lock.pid');
  try {
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    throw sqliteCode(error) === SQLITE_BUSY ? locked(directory, readHolder(holderPath)) : error;
  }
  // Only tells people who holds the lock; the lock itself is the transaction.
  writeFileSync(holderPath, String(process.pid));
  return {
    release() {
      rmSync(holderPath, { force: true });
      connection.close();
    },
  };
}

function locked(directory: string, pid: number | null): AppError {
  const holder = pid === null ? 'another process' : `process ${pid}`;
  return new AppError(
    'state_locked',
    `${directory} is in use by ${holder}. Wait for it to end, stop it, or choose another state directory.`,
    { details: { directory, pid } },
  );
}

function readHolder(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // The holder has not written it yet, or is releasing the lock right now.
    return null;
  }
}
