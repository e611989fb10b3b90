import type { ListFilter } from '../../ports/request-store.ts';
import { VIEW_COLUMNS } from './rows.ts';

interface ListQuery {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** Where a list begins to read. */
interface Walk {
  readonly source: string;
  /** The column that walks in order of acceptance. */
  readonly position: string;
  readonly conditions: readonly string[];
}

/**
 * One page of a list, and one row more. `beforeSeq` is where the page before ended. The joins are
 * CROSS JOINs because SQLite keeps their order: a list must walk newest first and stop at its
 * limit, and the planner, who does not know how few rows are wanted, would rather sort.
 */
export function listQuery(filter: ListFilter, beforeSeq: number | null): ListQuery {
  const values: (string | number)[] = [filter.tenant];
  const bind = (value: string | number) => `?${values.push(value)}`;
  const { source, position, conditions } = walkOf(filter);
  const where = ['r.tenant = ?1', ...conditions];
  if (filter.tag !== undefined) where.push(`t.tag = ${bind(filter.tag)}`);
  if (filter.batchId !== undefined) where.push(`r.batch_id = ${bind(filter.batchId)}`);
  if (filter.model !== undefined) where.push(`r.model = ${bind(filter.model)}`);
  if (filter.status === 'queued') where.push('w.owner IS NULL');
  else if (filter.status === 'running') where.push('w.owner IS NOT NULL');
  else if (filter.status !== undefined) where.push(`o.status = ${bind(filter.status)}`);
  if (beforeSeq !== null) where.push(`${position} < ${bind(beforeSeq)}`);
  const limit = bind(filter.limit + 1);
  return {
    sql: `SELECT ${VIEW_COLUMNS} FROM ${source} WHERE ${where.join(' AND ')}
      ORDER BY ${position} DESC LIMIT ${limit}`,
    values,
  };
}

/** The index that skips least: the tag's, else the status's, else the batch's, else the tenant's. */
function walkOf({ tag, status, batchId }: ListFilter): Walk {
  const isOpen = status === 'queued' || status === 'running';
  const work = isOpen ? 'CROSS JOIN work w ON w.seq = r.seq' : 'LEFT JOIN work w ON w.seq = r.seq';
  const outcomes =
    status === undefined || isOpen
      ? 'LEFT JOIN outcomes o ON o.seq = r.seq'
      : 'CROSS JOIN outcomes o ON o.seq = r.seq';
  if (tag !== undefined) {
    return {
      source: `request_tags t CROSS JOIN requests r ON r.seq = t.seq ${work} ${outcomes}`,
      position: 't.seq',
      conditions: ['t.tenant = ?1'],
    };
  }
  if (isOpen) {
    const index = status === 'running' ? 'INDEXED BY work_leased' : 'NOT INDEXED';
    return {
      source: `work w ${index} CROSS JOIN requests r ON r.seq = w.seq ${outcomes}`,
      position: 'w.seq',
      conditions: [],
    };
  }
  if (status !== undefined) {
    return {
      source: `outcomes o INDEXED BY outcomes_by_status CROSS JOIN requests r ON r.seq = o.seq ${work}`,
      position: 'o.seq',
      conditions: ['o.tenant = ?1'],
    };
  }
  const index = batchId === undefined ? 'requests_by_tenant' : 'requests_by_batch';
  return {
    source: `requests r INDEXED BY ${index} ${work} ${outcomes}`,
    position: 'r.seq',
    conditions: [],
  };
}
