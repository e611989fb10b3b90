import { promptTokens } from '../../domain/cost/usage.ts';
import { LANES } from '../../domain/lanes/lane.ts';
import type { RequestOutcome } from '../../domain/requests/request.ts';
import type { UsageFilter, UsageRow } from '../../ports/request-store.ts';
import { number, textOrNull, word } from './columns.ts';
import type { Database } from './database.ts';

/**
 * Usage is summed per quarter of an hour, the coarsest step that lands on midnight in every time
 * zone. Unit: ms.
 */
const QUARTER_MS = 900_000;

const ADD_USAGE = `
  INSERT INTO usage_quarters (tenant, quarter, model, lane, batch_id, tags, requests, succeeded,
    failed, input_tokens, cached_input_tokens, output_tokens, cost_micro_usd)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
    succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
    input_tokens = input_tokens + excluded.input_tokens,
    cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_micro_usd = cost_micro_usd + excluded.cost_micro_usd`;

/** In the order of the columns read. */
const GROUPS = ['tag', 'model', 'day', 'lane', 'batch'] as const;

const GROUP_COLUMNS = {
  tag: 't.value',
  model: 'u.model',
  day: `strftime('%Y-%m-%d', u.quarter * ${QUARTER_MS / 1_000}, 'unixepoch')`,
  lane: 'u.lane',
  batch: "nullif(u.batch_id, '')",
} as const satisfies Record<UsageFilter['groupBy'][number], string>;

interface Sums {
  readonly key: readonly [string, number, string, string, string, string];
  requests: number;
  succeeded: number;
  failed: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costMicroUsd: number;
}

/** What the rollup takes from the request an outcome belongs to. */
export interface UsageLabels {
  readonly model: string;
  readonly batchId: string;
  readonly tags: string;
}

/** Gathers what one transaction adds to the usage sums. */
export class UsageSums {
  readonly #sums = new Map<string, Sums>();

  add(outcome: RequestOutcome, { model, batchId, tags }: UsageLabels): void {
    const quarter = Math.floor(outcome.finishedAtMs / QUARTER_MS);
    const key = [outcome.tenant, quarter, model, outcome.lane, batchId, tags] as const;
    const name = key.join('\0');
    let sums = this.#sums.get(name);
    if (!sums) {
      sums = {
        key,
        requests: 0,
        succeeded: 0,
        failed: 0,
        inputTokens: 0,
        cachedInputTokens: 0,
        outputTokens: 0,
        costMicroUsd: 0,
      };
      this.#sums.set(name, sums);
    }
    sums.requests += 1;
    if (outcome.status === 'succeeded') sums.succeeded += 1;
    if (outcome.status === 'failed') sums.failed += 1;
    sums.inputTokens += promptTokens(outcome.usage);
    sums.cachedInputTokens += outcome.usage.cachedInputTokens;
    sums.outputTokens += outcome.usage.outputTokens;
    sums.costMicroUsd += outcome.costMicroUsd;
  }

  /** Writes the sums. Call once, at the end of the transaction. */
  write(database: Database): void {
    const statement = database.statement(ADD_USAGE);
    for (const sums of this.#sums.values()) {
      statement.run(
        ...sums.key,
        sums.requests,
        sums.succeeded,
        sums.failed,
        sums.inputTokens,
        sums.cachedInputTokens,
        sums.outputTokens,
        sums.costMicroUsd,
      );
    }
  }
}

/**
 * Sums of what ended between two instants, widened to whole quarters of an hour. A request with
 * several tags counts under each of them when grouped by tag, and once otherwise.
 */
export function readUsage(database: Database, filter: UsageFilter): UsageRow[] {
  const columns = GROUPS.map((group) =>
    filter.groupBy.includes(group) ? GROUP_COLUMNS[group] : 'NULL',
  );
  const grouped = columns.filter((column) => column !== 'NULL').join(', ');
  const tags = filter.groupBy.includes('tag') ? 'LEFT JOIN json_each(u.tags) t' : '';
  const sql = `
    SELECT ${columns.join(', ')}, sum(requests), sum(succeeded), sum(failed), sum(input_tokens),
      sum(cached_input_tokens), sum(output_tokens), sum(cost_micro_usd)
    FROM usage_quarters u ${tags}
    WHERE u.tenant = ? AND u.quarter >= ? AND u.quarter < ?
    ${grouped ? `GROUP BY ${grouped} ORDER BY ${grouped}` : 'HAVING count(*) > 0'}`;
  const from = Math.floor((filter.fromMs ?? 0) / QUARTER_MS);
  const to =
    filter.toMs === undefined ? Number.MAX_SAFE_INTEGER : Math.ceil(filter.toMs / QUARTER_MS);
  return database
    .statement(sql)
    .all(filter.tenant, from, to)
    .map((row) => ({
      tag: textOrNull(row[0] ?? null),
      model: textOrNull(row[1] ?? null),
      day: textOrNull(row[2] ?? null),
      lane: row[3] === null ? null : word(row[3], LANES),
      batch: textOrNull(row[4] ?? null),
      requests: number(row[5]),
      succeeded: number(row[6]),
      failed: number(row[7]),
      inputTokens: number(row[8]),
      cachedInputTokens: number(row[9]),
      outputTokens: number(row[10]),
      costMicroUsd: number(row[11]),
    }));
}
