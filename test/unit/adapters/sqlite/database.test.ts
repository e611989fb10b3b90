import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../../shared/adapters/sqlite/stores.ts';
import { outcomeOf, Scope, START_MS } from '../../../contract/builders.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'penstock-database-'));
  path = join(directory, 'state.db');
});
afterEach(() => rm(directory, { recursive: true }));

describe('openDatabase', () => {
  it('keeps what was committed for the next opening, and leaves one file', async () => {
    const first = openDatabase(path);
    const stores = { ...createSqliteStores(first), close: async () => undefined };
    const [spec] = await new Scope(stores).accept({});
    await first.close();
    expect(await readdir(directory)).toEqual(['state.db']);

    const second = openDatabase(path);
    const { requests } = createSqliteStores(second);
    expect(await requests.get(spec?.tenant ?? '', spec?.id ?? '')).toMatchObject({ ...spec });
    await second.close();
  });

  it('refuses a file of a newer version and leaves it as it is', async () => {
    await openDatabase(path).close();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 9999');
    raw.close();
    expect(() => openDatabase(path)).toThrow(
      expect.objectContaining({
        code: 'state_conflict',
        message: expect.stringMatching(/newer Penstock \(schema 9999.*another state directory/),
      }),
    );
    const after = new DatabaseSync(path);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 9_999 });
    after.close();
  });

  it('refuses a file that is no database', async () => {
    await writeFile(path, 'a text file that happens to have this name\n'.repeat(200));
    expect(() => openDatabase(path)).toThrow(
      expect.objectContaining({ code: 'state_conflict', message: expect.stringContaining(path) }),
    );
  });

  it('says so when the directory is missing', () => {
    expect(() => openDatabase(join(directory, 'missing', 'state.db'))).toThrow(
      expect.objectContaining({ code: 'file_not_found' }),
    );
  });
});

describe('Database', () => {
  it('undoes a transaction that throws, and goes on', async () => {
    const database = openDatabase(path);
    database.statement('CREATE TABLE t (x INTEGER) STRICT').run();
    const insert = () => database.statement('INSERT INTO t VALUES (1)').run();
    expect(() =>
      database.transaction(() => {
        insert();
        throw new RangeError('half way');
      }),
    ).toThrow('half way');
    database.transaction(insert);
    expect(database.statement('SELECT count(*) FROM t').get()).toEqual([1]);
    await database.close();
  });

  it('names path, free space and remedy when the disk is full, and loses nothing', async () => {
    const database = openDatabase(path);
    const stores = { ...createSqliteStores(database), close: async () => undefined };
    const scope = new Scope(stores);
    await scope.accept({});
    const pages = Number(database.statement('PRAGMA page_count').get()?.[0]);
    database.statement(`PRAGMA max_page_count = ${pages + 2}`).get();
    const many = Array.from({ length: 500 }, () => ({ customId: 'x'.repeat(500) }));
    await expect(scope.accept(...many)).rejects.toMatchObject({
      code: 'storage_full',
      message: expect.stringMatching(/state\.db \(\d+ MiB free\)\. Free space/),
    });
    database.statement('PRAGMA max_page_count = 100000').get();
    expect(await stores.requests.counts(scope.tenant)).toMatchObject({ queued: 1 });
    await scope.accept({});
    expect(await scope.lease('one', START_MS)).toHaveLength(2);
    await database.close();
  });

  it('flushes for all who ask at once, and in memory not at all', async () => {
    const database = openDatabase(path);
    database.statement('CREATE TABLE t (x INTEGER) STRICT').run();
    await expect(Promise.all([1, 2, 3].map(() => database.flush()))).resolves.toHaveLength(3);
    await database.close();
    await expect(openDatabase(':memory:').flush()).resolves.toBeUndefined();
  });

  it('copies its log into the file beside the work, so that the log stays short', async () => {
    const database = openDatabase(path);
    const stores = { ...createSqliteStores(database), close: async () => undefined };
    const scope = new Scope(stores);
    const before = (await stat(path)).size;
    for (let round = 0; round < 12; round += 1) {
      const specs = await scope.accept(...Array.from({ length: 1_000 }, () => ({})));
      await stores.work.commit(specs.map((spec) => outcomeOf(spec)));
    }
    // The copying thread answers in its own time; the writer never waits for it.
    await expect.poll(async () => (await stat(path)).size).toBeGreaterThan(before + 1_000_000);
    expect(await stores.requests.counts(scope.tenant)).toMatchObject({ succeeded: 12_000 });
    await database.close();
    expect(await readdir(directory)).toEqual(['state.db']);
  });
});
