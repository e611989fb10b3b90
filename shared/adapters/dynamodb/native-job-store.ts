import { isOpenJob, type NativeJob } from '../../domain/native/native-job.ts';
import type { NativeJobStore } from '../../ports/native-job-store.ts';
import { type Item, text } from './table/attributes.ts';
import { expiry } from './table/expiry.ts';
import type { Key } from './table/keys.ts';
import { OpIds } from './table/op-ids.ts';
import { Table } from './table/table.ts';
import type { TableAccess } from './table/table-access.ts';
import { OPEN_INDEX, TTL_ATTRIBUTE } from './table/table-definition.ts';

/** Partition of the open index that holds jobs somebody has to look at, the one due first in front. */
const JOBS_PARTITION = 'NATIVE_JOBS';
const SORT = 'J';
const DUE_DIGITS = 16;
/** Ends the index entry of a job that is settled, so that it need not be read to be passed over. */
const SETTLED = '#settled';

/**
 * Jobs in the one table: `JOB#<id>`, `J`. A job that is done leaves the index, so that a tick
 * reads what is open, however many jobs there have been.
 */
export class DynamoNativeJobStore implements NativeJobStore {
  readonly #table: Table;
  readonly #ops: OpIds;
  readonly #access: TableAccess;
  readonly #retentionDays: number;

  constructor(access: TableAccess, retentionDays: number) {
    this.#table = new Table(access);
    this.#ops = new OpIds(access.random);
    this.#access = access;
    this.#retentionDays = retentionDays;
  }

  create(job: NativeJob): Promise<boolean> {
    return this.#put(job, { text: 'attribute_not_exists(pk)' });
  }

  async get(id: string): Promise<NativeJob | null> {
    const item = await this.#table.get(keyOf(id));
    return item === null ? null : readJob(item);
  }

  update(job: NativeJob): Promise<boolean> {
    const seen = { text: '#v = :seen', values: { seen: job.version } };
    return this.#put({ ...job, version: job.version + 1 }, seen);
  }

  async due(nowMs: number, limit: number): Promise<NativeJob[]> {
    const found = await this.#find(nowMs, limit);
    return found.filter((job) => job.phase !== 'done' && job.dueAtMs <= nowMs);
  }

  async open(): Promise<NativeJob[]> {
    const isOpen = (sort: string): boolean => !sort.endsWith(SETTLED);
    const found = await this.#find(Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, isOpen);
    return found.filter(isOpenJob);
  }

  async unfinished(): Promise<NativeJob[]> {
    const found = await this.#find(Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY);
    return found.filter(({ phase }) => phase !== 'done');
  }

  /** Jobs that the index says are due by then, and that are wanted by their entry, as the table has them. */
  async #find(
    dueAtMs: number,
    limit: number,
    isWanted: (sort: string) => boolean = () => true,
  ): Promise<NativeJob[]> {
    const keys: Key[] = [];
    const pages = this.#table.query({
      index: OPEN_INDEX.name,
      partition: JOBS_PARTITION,
      sort: { text: '#sort < :after', values: { after: dueSort(dueAtMs + 1) } },
      ...(Number.isFinite(limit) ? { pageSize: limit } : {}),
    });
    for await (const items of pages) {
      for (const item of items) {
        if (!isWanted(text(item, OPEN_INDEX.sort))) continue;
        keys.push({ pk: text(item, 'pk'), sk: text(item, 'sk') });
      }
      if (keys.length >= limit) break;
    }
    const items = await this.#table.getMany(keys.slice(0, limit));
    return items
      .flatMap((item) => (item === null ? [] : readJob(item)))
      .sort((one, other) => one.dueAtMs - other.dueAtMs);
  }

  /** A write that the client sent twice is known by its name. */
  async #put(
    job: NativeJob,
    condition: { readonly text: string; readonly values?: Item },
  ): Promise<boolean> {
    const op = this.#ops.next();
    const ttl = { [TTL_ATTRIBUTE]: expiry(this.#access.clock, this.#retentionDays) };
    const item: Item = {
      ...keyOf(job.id),
      v: job.version,
      op,
      j: JSON.stringify(job),
      ...(job.phase === 'done' ? {} : standing(job)),
      ...(isOpenJob(job) ? {} : ttl),
    };
    const refusal = await this.#table.put(item, condition);
    return refusal === null || refusal.item?.['op'] === op;
  }
}

function keyOf(id: string): Key {
  return { pk: `JOB#${id}`, sk: SORT };
}

function standing(job: NativeJob): Item {
  const entry = `${dueSort(job.dueAtMs)}#${job.id}`;
  return {
    [OPEN_INDEX.partition]: JOBS_PARTITION,
    [OPEN_INDEX.sort]: isOpenJob(job) ? entry : entry + SETTLED,
  };
}

function dueSort(dueAtMs: number): string {
  return String(Math.min(Math.ceil(dueAtMs), Number.MAX_SAFE_INTEGER)).padStart(DUE_DIGITS, '0');
}

function readJob(item: Item): NativeJob {
  const job: NativeJob = JSON.parse(text(item, 'j'));
  return job;
}
