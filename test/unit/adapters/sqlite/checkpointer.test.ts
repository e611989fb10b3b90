import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Checkpointer } from '../../../../shared/adapters/sqlite/checkpointer.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'penstock-checkpointer-'));
});
afterEach(() => rm(directory, { recursive: true }));

const logOf = (connection: DatabaseSync) => connection.prepare('PRAGMA wal_checkpoint(NOOP)').get();

it('copies the log once enough has changed, and not before', async () => {
  const path = join(directory, 'state.db');
  const connection = new DatabaseSync(path);
  connection.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA wal_autocheckpoint = 0;
    CREATE TABLE t (x TEXT);
    INSERT INTO t VALUES (hex(randomblob(50000)));
  `);
  const uncopied = () => {
    const { log, checkpointed } = logOf(connection) ?? {};
    return Number(log) - Number(checkpointed);
  };
  const unexpected = () => expect.unreachable();
  const checkpointer = new Checkpointer(path, unexpected, unexpected);
  checkpointer.noteChanges(9_999);
  await checkpointer.close();
  expect(uncopied()).toBeGreaterThan(20);

  checkpointer.noteChanges(10_000);
  await checkpointer.close();
  expect(uncopied()).toBe(0);
  connection.close();
});

it('hands the work back to SQLite when its thread cannot do it', async () => {
  const path = join(directory, 'missing', 'state.db');
  let isHandedBack = false;
  const checkpointer = new Checkpointer(
    path,
    () => expect.unreachable(),
    () => {
      isHandedBack = true;
    },
  );
  checkpointer.noteChanges(10_000);
  await expect.poll(() => isHandedBack).toBe(true);
  checkpointer.noteChanges(1_000_000);
  await expect(checkpointer.close()).resolves.toBeUndefined();
});
