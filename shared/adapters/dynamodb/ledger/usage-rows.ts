/** Usage as it is kept: sums per quarter of an hour and set of labels, in rows that are added to. */

import { createHash } from 'node:crypto';
import { promptTokens } from '../../../domain/cost/usage.ts';
import type { Lane } from '../../../domain/lanes/lane.ts';
import type { RequestOutcome, RequestSpec } from '../../../domain/requests/request.ts';
import { usagePartition, usageSort } from '../table/keys.ts';
import type { Action } from '../table/table.ts';

/**
 * The coarsest step that lands on midnight in every time zone. Unit: ms.
 */
export const QUARTER_MS = 900_000;

/** Rows of one set of labels, so that workers who book at once seldom meet. */
const SHARDS = 8;

const DIGEST_CHARACTERS = 22;

export const COUNTERS = [
  'requests',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'inputTokens',
  'cachedInputTokens',
  'outputTokens',
  'costMicroUsd',
] as const;

export type Counters = Record<(typeof COUNTERS)[number], number>;

export const NO_COUNTS: Readonly<Counters> = {
  requests: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  costMicroUsd: 0,
};

export interface UsageLabels {
  readonly model: string;
  readonly lane: Lane;
  readonly batch: string | null;
  readonly tags: readonly string[];
}

/** A request that has ended. */
export interface Ended {
  readonly spec: RequestSpec;
  readonly outcome: RequestOutcome;
}

/** Adds what ended to the rows it belongs to: one action a row, in an order that stays the same. */
export function usageActions(ended: readonly Ended[], chance: number): Action[] {
  const shard = Math.floor(chance * SHARDS);
  const rows = new Map<string, { readonly entry: Ended; readonly sums: Counters }>();
  for (const entry of ended) {
    const name = rowName(entry);
    let row = rows.get(name);
    if (row === undefined) {
      row = { entry, sums: { ...NO_COUNTS } };
      rows.set(name, row);
    }
    addEnded(row.sums, entry.outcome);
  }
  return [...rows]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, { entry, sums }]) => {
      const { outcome } = entry;
      const quarter = Math.floor(outcome.finishedAtMs / QUARTER_MS);
      const labels = JSON.stringify(labelsOf(entry));
      const added = COUNTERS.filter((counter) => sums[counter] > 0);
      return {
        update: {
          pk: usagePartition(outcome.tenant),
          sk: usageSort(quarter, digest(labels), shard),
        },
        change: {
          text: `SET #labels = :labels ADD ${added.map((name) => `#${name} :${name}`).join(', ')}`,
          values: { labels, ...Object.fromEntries(added.map((name) => [name, sums[name]])) },
        },
      };
    });
}

export function addEnded(sums: Counters, { status, usage, costMicroUsd }: RequestOutcome): void {
  sums.requests += 1;
  sums[status] += 1;
  sums.inputTokens += promptTokens(usage);
  sums.cachedInputTokens += usage.cachedInputTokens;
  sums.outputTokens += usage.outputTokens;
  sums.costMicroUsd += costMicroUsd;
}

function labelsOf({ spec, outcome }: Ended): UsageLabels {
  const { model, batchId, tags } = spec;
  return { model, lane: outcome.lane, batch: batchId, tags };
}

function rowName(entry: Ended): string {
  const { tenant, finishedAtMs } = entry.outcome;
  return `${tenant}\n${Math.floor(finishedAtMs / QUARTER_MS)}\n${JSON.stringify(labelsOf(entry))}`;
}

function digest(labels: string): string {
  return createHash('sha256').update(labels).digest('base64url').slice(0, DIGEST_CHARACTERS);
}
