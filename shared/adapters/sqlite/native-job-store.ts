import { isOpenJob, type NativeJob } from '../../domain/native/native-job.ts';
import type { NativeJobStore } from '../../ports/native-job-store.ts';
import { text } from './columns.ts';
import type { Database } from './database.ts';
import type { Row } from './rows.ts';

const INSERT_JOB = `
  INSERT INTO native_jobs (id, version, due_at_ms, job) VALUES (?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

const UPDATE_JOB = `
  UPDATE native_jobs SET version = ?, due_at_ms = ?, job = ?
  WHERE id = ? AND version = ?`;

const GET_JOB = 'SELECT job FROM native_jobs WHERE id = ?';

const DUE_JOBS = `
  SELECT job FROM native_jobs INDEXED BY native_jobs_due
  WHERE due_at_ms IS NOT NULL AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?`;

const UNFINISHED_JOBS = `
  SELECT job FROM native_jobs INDEXED BY native_jobs_due
  WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms`;

const SUM_SAVED = `SELECT coalesce(sum(job ->> '$.savedMicroUsd'), 0) FROM native_jobs`;

/** Jobs in the state database. One that is done is in no index. */
export class SqliteNativeJobStore implements NativeJobStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(job: NativeJob): Promise<boolean> {
    const { changes } = this.#database.transaction(() =>
      this.#database
        .statement(INSERT_JOB)
        .run(job.id, job.version, dueOf(job), JSON.stringify(job)),
    );
    await this.#database.flush();
    return Number(changes) > 0;
  }

  async get(id: string): Promise<NativeJob | null> {
    const row = this.#database.statement(GET_JOB).get(id);
    return row ? readJob(row) : null;
  }

  async update(job: NativeJob): Promise<boolean> {
    const next = { ...job, version: job.version + 1 };
    const { changes } = this.#database.transaction(() =>
      this.#database
        .statement(UPDATE_JOB)
        .run(next.version, dueOf(next), JSON.stringify(next), job.id, job.version),
    );
    await this.#database.flush();
    return Number(changes) > 0;
  }

  async due(nowMs: number, limit: number): Promise<NativeJob[]> {
    return this.#database.statement(DUE_JOBS).all(nowMs, limit).map(readJob);
  }

  async open(): Promise<NativeJob[]> {
    return (await this.unfinished()).filter(isOpenJob);
  }

  async unfinished(): Promise<NativeJob[]> {
    return this.#database.statement(UNFINISHED_JOBS).all().map(readJob);
  }

  /** What priming the cache has saved in all jobs there have been. Unit: micro-dollars. */
  async savedMicroUsd(): Promise<number> {
    return Number(this.#database.statement(SUM_SAVED).get()?.[0] ?? 0);
  }
}

function dueOf({ phase, dueAtMs }: NativeJob): number | null {
  return phase === 'done' ? null : Math.ceil(dueAtMs);
}

function readJob(row: Row): NativeJob {
  const job: NativeJob = JSON.parse(text(row[0]));
  return job;
}
