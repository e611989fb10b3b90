/** Column lists and what they are read as: one order of columns, known here only. */

import type { SQLOutputValue } from 'node:sqlite';
import { LANES } from '../../domain/lanes/lane.ts';
import {
  ENDPOINTS,
  type LeasedRequest,
  type RequestOutcome,
  type RequestSpec,
  type RequestView,
  ROUTES,
} from '../../domain/requests/request.ts';
import { TERMINAL_STATUSES } from '../../domain/requests/request-state.ts';
import { number, numberOrNull, text, textOrNull, word } from './columns.ts';

/** A row as node:sqlite types it; at run time it is an array (see `Database.statement`). */
export type Row = Record<number, SQLOutputValue>;

const NO_TAGS: readonly string[] = [];

/** Columns 0 to 19, from `requests r`. */
const SPEC_COLUMNS = `r.seq, r.tenant, r.id, r.custom_id, r.batch_id, r.model, r.endpoint, r.lane,
  r.priority, r.tags, r.fingerprint, r.body_segment, r.body_offset, r.body_length, r.input_tokens,
  r.max_output_tokens, r.prefix_key, r.group_order, r.created_at_ms, r.deadline_at_ms`;

/** What a lease reads, from `requests r` and `work w`. */
export const LEASED_COLUMNS = `${SPEC_COLUMNS}, w.attempts, w.fence, w.first_attempt_at_ms,
  w.route`;

/** What a view reads, from `requests r`, and `work w` or `outcomes o` where they have a row. */
export const VIEW_COLUMNS = `${SPEC_COLUMNS}, coalesce(o.attempts, w.attempts), o.seq,
  o.first_attempt_at_ms, w.owner, w.due_at_ms, o.status, o.status_code, o.error_code, o.lane,
  o.provider, o.input_tokens, o.cached_input_tokens, o.cache_write_tokens, o.cache_write_1h_tokens,
  o.output_tokens, o.cost_micro_usd, o.finished_at_ms, o.result_segment, o.result_offset,
  o.result_length, w.route`;

export function readSpec(row: Row): RequestSpec {
  const lane = row[7];
  return {
    tenant: text(row[1]),
    id: text(row[2]),
    customId: textOrNull(row[3]),
    batchId: textOrNull(row[4]),
    model: text(row[5]),
    endpoint: word(row[6], ENDPOINTS),
    lane: lane === null ? null : word(lane, LANES),
    priority: number(row[8]),
    tags: readTags(text(row[9])),
    fingerprint: text(row[10]),
    body: { segment: text(row[11]), offset: number(row[12]), length: number(row[13]) },
    inputTokens: number(row[14]),
    maxOutputTokens: number(row[15]),
    prefixKey: textOrNull(row[16]),
    groupOrder: number(row[17]),
    createdAtMs: number(row[18]),
    deadlineAtMs: numberOrNull(row[19]),
  };
}

/** As the lease about to be written leaves it: the row was read with the fence before. */
export function readLeased(row: Row): LeasedRequest {
  return {
    ...readSpec(row),
    ...readRoute(row[23]),
    attempts: number(row[20]),
    fence: number(row[21]) + 1,
    firstAttemptAtMs: numberOrNull(row[22]),
  };
}

export function readView(row: Row): RequestView {
  const outcome = row[21] === null ? null : readOutcome(row);
  const isQueued = outcome === null && row[23] === null;
  return {
    ...readSpec(row),
    ...readRoute(row[40] ?? null),
    status: outcome?.status ?? (isQueued ? 'queued' : 'running'),
    attempts: number(row[20]),
    notBeforeMs: isQueued ? number(row[24]) : 0,
    outcome,
  };
}

function readRoute(column: SQLOutputValue | undefined): Pick<RequestSpec, 'route'> {
  const route = column === null ? 'sync' : word(column, ROUTES);
  return route === 'sync' ? {} : { route };
}

function readOutcome(row: Row): RequestOutcome {
  return {
    id: text(row[2]),
    tenant: text(row[1]),
    status: word(row[25], TERMINAL_STATUSES),
    statusCode: number(row[26]),
    errorCode: textOrNull(row[27]),
    lane: word(row[28], LANES),
    provider: text(row[29]),
    usage: {
      inputTokens: number(row[30]),
      cachedInputTokens: number(row[31]),
      cacheWriteTokens: number(row[32]),
      cacheWrite1hTokens: number(row[33]),
      outputTokens: number(row[34]),
    },
    costMicroUsd: number(row[35]),
    attempts: number(row[20]),
    firstAttemptAtMs: numberOrNull(row[22]),
    finishedAtMs: number(row[36]),
    result: { segment: text(row[37]), offset: number(row[38]), length: number(row[39]) },
  };
}

export function writeTags(tags: readonly string[]): string {
  return tags.length === 0 ? '[]' : JSON.stringify([...new Set(tags)]);
}

function readTags(column: string): readonly string[] {
  if (column === '[]') return NO_TAGS;
  const tags: readonly string[] = JSON.parse(column);
  return tags;
}
