import * as z from 'zod';
import type { Database } from '../../shared/adapters/sqlite/database.ts';

const inputSchema = z.object({
  /** Batch its requests belong to. */
  batchId: z.string(),
  path: z.string(),
  bytes: z.number(),
  modifiedAtMs: z.number(),
  sha256: z.string(),
  lines: z.number(),
  /** Lines that were passed over, at the caller's wish. */
  rejected: z.number(),
});

const exportSchema = z.object({
  path: z.string(),
  /** Written, synced, and the same as the log. */
  bytes: z.number(),
  /** Up to which publication they go. */
  commitSeq: z.number(),
});

/** The input a state belongs to. Recorded once every line of it is in the ledger. */
export type InputRecord = z.infer<typeof inputSchema>;
/** How far the output file has been written. */
export type ExportRecord = z.infer<typeof exportSchema>;

const CREATE = `
  CREATE TABLE IF NOT EXISTS local_records (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`;
const READ = 'SELECT value FROM local_records WHERE name = ?';
const WRITE = `
  INSERT INTO local_records (name, value) VALUES (?, ?)
  ON CONFLICT DO UPDATE SET value = excluded.value`;

/** What a state directory remembers besides requests and results. */
export class RunRecords {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.statement(CREATE).run();
  }

  get input(): InputRecord | null {
    return this.#read('input', inputSchema);
  }

  set input(record: InputRecord) {
    this.#write('input', record);
  }

  get export(): ExportRecord | null {
    return this.#read('export', exportSchema);
  }

  set export(record: ExportRecord) {
    this.#write('export', record);
  }

  /** What the state was made for. */
  get purpose(): 'run' | 'serve' | null {
    return this.#read('purpose', z.enum(['run', 'serve']));
  }

  set purpose(purpose: 'run' | 'serve') {
    this.#write('purpose', purpose);
  }

  /** Secret that API keys are digested with; `null` until the first one is made. */
  get pepper(): string | null {
    return this.#read('pepper', z.string());
  }

  set pepper(pepper: string) {
    this.#write('pepper', pepper);
  }

  #read<Value>(name: string, schema: z.ZodType<Value>): Value | null {
    const text = this.#database.statement(READ).get(name)?.[0];
    return typeof text === 'string' ? schema.parse(JSON.parse(text)) : null;
  }

  #write(name: string, value: unknown): void {
    this.#database.transaction(() => {
      this.#database.statement(WRITE).run(name, JSON.stringify(value));
    });
  }
}
