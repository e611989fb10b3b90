/** Where a batch stands, for people and for programs. */

import type { MadeBatch } from '../api-client/made-batch.ts';
import type { WireUsage } from '../api-client/penstock-api.ts';
import { formatCount, formatQuantity, formatShare, formatUsd } from '../format.ts';
import { type BatchStanding, costOf, endedCount } from '../remote/batch-standing.ts';
import { cutMessage, describeProgressOf, summaryTable } from '../summary-table.ts';
import type { Terminal } from '../terminal.ts';

const MOST_GROUPS = 8;

/** 0: all that has ended was answered; 1: some ended in an error, or were refused. */
export function exitCodeOfStanding({ counts, made }: BatchStanding): number {
  const isRefused = made !== null && (made.refused > 0 || !made.isAccepted);
  return isRefused || endedCount(counts) > counts.succeeded ? 1 : 0;
}

export function standingJson(standing: BatchStanding): Record<string, unknown> {
  const { made, counts, usage, failures, hasAllFailures, held } = standing;
  const { object: _, batch, ...states } = counts;
  const isDone = made === null ? endedCount(counts) === counts.total : made.hasEnded;
  const hasErrors = exitCodeOfStanding(standing) === 1;
  return {
    status: isDone ? (hasErrors ? 'completed_with_errors' : 'completed') : 'in_progress',
    exit_code: exitCodeOfStanding(standing),
    batch,
    ...(made && {
      state: made.state,
      expires_at_ms: made.expiresAtMs,
      refused: made.refused,
      errors: made.errors,
      warnings: made.warnings,
    }),
    counts: states,
    cost_micro_usd: costOf(usage),
    tokens: {
      input: sumOf(usage, (row) => row.input_tokens),
      cached_input: sumOf(usage, (row) => row.cached_input_tokens),
      output: sumOf(usage, (row) => row.output_tokens),
    },
    lanes: groups(usage, ({ lane }) => lane).map(([lane, rows]) => ({ lane, ...sumsOf(rows) })),
    models: groups(usage, ({ model }) => model).map(([model, rows]) => ({
      model,
      ...sumsOf(rows),
    })),
    failures,
    failures_complete: hasAllFailures,
    providers_held: held,
    plans: standing.plans.map((plan) => ({
      lane: plan.lane,
      requests: plan.requests,
      late: plan.late,
      expected_finish_at_ms: plan.expectedFinishAtMs,
      why: plan.why,
    })),
  };
}

export function describeStanding(standing: BatchStanding, terminal: Terminal): string {
  const { made, counts, usage, held } = standing;
  const { total, queued, running } = counts;
  const failed = endedCount(counts) - counts.succeeded;
  const progress = { done: counts.succeeded, total, failed, left: queued + running };
  const open =
    queued + running === 0
      ? null
      : `${formatCount(running)} running, ${formatCount(queued)} queued`;
  const table = summaryTable(
    [
      ['batch', counts.batch ?? 'all requests'],
      ['state', made && describeState(made)],
      ['answered', describeProgressOf(progress, terminal)],
      ['open', open],
      ['tokens', usage.length === 0 ? null : describeTokens(usage)],
      ['cost', formatUsd(costOf(usage))],
      ['lanes', describeGroups(groups(usage, ({ lane }) => lane))],
      ['models', describeGroups(groups(usage, ({ model }) => model))],
    ],
    terminal,
  );
  const holds = held.map(({ provider, reason }) =>
    terminal.color.yellow(
      `${provider} is held: ${reason}. Its requests wait until that is mended.`,
    ),
  );
  return [
    table,
    ...describeFaults(made),
    ...describePlans(standing),
    ...describeFailures(standing),
    ...holds,
  ].join('\n');
}

/** `in_progress, at the latest until 2026-11-25T10:00:00Z` */
function describeState({ state, hasEnded, refused, expiresAtMs }: MadeBatch): string {
  const until = hasEnded ? '' : `, at the latest until ${instant(expiresAtMs)}`;
  return `${state}${until}${refused === 0 ? '' : `, ${formatQuantity(refused, 'line')} refused`}`;
}

/** What a batch failed by, or should be known of it. */
function describeFaults(made: MadeBatch | null): string[] {
  const { errors = [], warnings = [] } = made ?? {};
  const more = errors.length - MOST_GROUPS;
  return [
    ...errors
      .slice(0, MOST_GROUPS)
      .map(
        ({ line, code, message }) =>
          `${line === null ? '' : `line ${line}: `}${code}: ${cutMessage(message)}`,
      ),
    ...(more > 0 ? [`and ${formatCount(more)} more errors`] : []),
    ...warnings.map(({ message }) => `Warning: ${message}`),
  ];
}

function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `Planned, of the newest open: native 80, the last by 14:20:05 UTC. Native: 50 % off, ...` */
function describePlans({ plans }: BatchStanding): string[] {
  return plans.map(({ lane, requests, late, expectedFinishAtMs, why }) => {
    const by = expectedFinishAtMs === null ? '' : `, the last about ${instant(expectedFinishAtMs)}`;
    const tardy = late === 0 ? '' : `, ${formatCount(late)} of them late`;
    return `Planned, of the newest that are open: ${lane} ${formatCount(requests)}${by}${tardy}. ${why}`;
  });
}

function describeTokens(usage: readonly WireUsage[]): string {
  const input = sumOf(usage, (row) => row.input_tokens);
  const cached = sumOf(usage, (row) => row.cached_input_tokens);
  const share = cached === 0 ? '' : ` (${formatShare(cached / input)} cached)`;
  return `${formatCount(input)} in${share}, ${formatCount(sumOf(usage, (row) => row.output_tokens))} out`;
}

/** `live 1,500 $0.0120, flex 500 $0.0020` */
function describeGroups(grouped: readonly Group[]): string | null {
  if (grouped.length === 0) return null;
  return grouped
    .map(
      ([name, rows]) => `${name} ${formatCount(sumsOf(rows).requests)} ${formatUsd(costOf(rows))}`,
    )
    .join(', ');
}

function describeFailures({ failures, hasAllFailures, counts }: BatchStanding): string[] {
  if (failures.length === 0) return [];
  const failed = formatCount(endedCount(counts) - counts.succeeded);
  const part = hasAllFailures ? '' : ', of which the newest';
  const more = failures.length - MOST_GROUPS;
  return [
    `${failed} failed${part}:`,
    ...failures
      .slice(0, MOST_GROUPS)
      .map(
        ({ code, count, example, message }) =>
          `  ${formatCount(count)} ${code} (e.g. ${example}): ${cutMessage(message)}`,
      ),
    ...(more > 0 ? [`  and ${formatCount(more)} more codes`] : []),
  ];
}

type Group = readonly [name: string, rows: WireUsage[]];

function groups(usage: readonly WireUsage[], nameOf: (row: WireUsage) => string | null): Group[] {
  const found = new Map<string, WireUsage[]>();
  for (const row of usage) {
    const name = nameOf(row) ?? 'unknown';
    const rows = found.get(name);
    if (rows === undefined) found.set(name, [row]);
    else rows.push(row);
  }
  return [...found].sort(([, one], [, other]) => costOf(other) - costOf(one));
}

function sumsOf(rows: readonly WireUsage[]) {
  return { requests: sumOf(rows, (row) => row.requests), cost_micro_usd: costOf(rows) };
}

function sumOf(rows: readonly WireUsage[], read: (row: WireUsage) => number): number {
  return rows.reduce((sum, row) => sum + read(row), 0);
}
