import type { RunReport } from '../../local/run/run-report.ts';
import { formatCount, formatDuration, formatQuantity, formatShare, formatUsd } from '../format.ts';
import { cutMessage, describeProgressOf, summaryTable } from '../summary-table.ts';
import type { Terminal } from '../terminal.ts';

const MOST_GROUPS = 8;

export interface RunPlaces {
  readonly input: string;
  /** `-` for standard output. */
  readonly output: string;
  readonly state: string;
}

/** 0: every line has a good row; 1: some rows are errors; 2: a person is needed; 130: interrupted. */
export function exitCodeOf({ reason, failed, left }: RunReport): number {
  if (reason === 'providers_stopped') return 2;
  if (reason === 'stopped' && left > 0) return 130;
  return failed > 0 ? 1 : 0;
}

/** The report as one object, for programs. */
export function reportJson(report: RunReport, places: RunPlaces): Record<string, unknown> {
  const exitCode = exitCodeOf(report);
  const statuses: Record<number, string> = {
    0: 'completed',
    1: 'completed_with_errors',
    2: 'provider_stopped',
    130: 'interrupted',
  };
  return {
    status: statuses[exitCode],
    exit_code: exitCode,
    ...places,
    total: report.total,
    answered: report.answered,
    failed: report.failed,
    left: report.left,
    done_before: report.doneBefore,
    failures: report.failures.map(({ code, count, firstLine, firstMessage }) => ({
      code,
      count,
      first_line: firstLine,
      message: firstMessage,
    })),
    stops: report.stops,
    tokens: {
      input: report.inputTokens,
      cached_input: report.cachedInputTokens,
      output: report.outputTokens,
    },
    cost_micro_usd: report.costMicroUsd,
    saved_micro_usd: report.savedMicroUsd,
    spent_micro_usd: report.spentMicroUsd,
    unpriced_models: report.unpricedModels,
    unmetered_answers: report.unmetered,
    wall_ms: report.wallMs,
    throttled: report.throttled,
    retried: report.retried,
    latency_ms: report.latencyMs,
  };
}

/** The report for people. */
export function describeReport(report: RunReport, places: RunPlaces, terminal: Terminal): string {
  const { answered: done, total, failed, left } = report;
  const retried = report.retried === 0 ? '' : `, ${formatCount(report.retried)} retried`;
  const table = summaryTable(
    [
      ['answered', describeProgressOf({ done, total, failed, left }, terminal)],
      ['tokens', describeTokens(report)],
      ['cost', describeCost(report)],
      ['saved', describeSaved(report)],
      ['time', describeTime(report)],
      ['429s', `${formatCount(report.throttled)}${retried}`],
      ['output', places.output === '-' ? 'standard output' : places.output],
    ],
    terminal,
  );
  return [table, ...describeFailures(report)].join('\n');
}

/** `37 failed: 30 context_length_exceeded (first: line 118)`, a line for each kind. */
function describeFailures({ failed, failures }: RunReport): string[] {
  if (failed === 0) return [];
  const lines = failures
    .slice(0, MOST_GROUPS)
    .map(
      ({ code, count, firstLine, firstMessage }) =>
        `  ${formatCount(count)} ${code} (first: line ${firstLine}): ${cutMessage(firstMessage)}`,
    );
  const more = failures.length - MOST_GROUPS;
  return [
    `${formatCount(failed)} failed:`,
    ...lines,
    ...(more > 0 ? [`  and ${formatQuantity(more, 'more code')}`] : []),
  ];
}

function describeTokens({ inputTokens, cachedInputTokens, outputTokens }: RunReport): string {
  const cached =
    cachedInputTokens === 0 ? '' : ` (${formatShare(cachedInputTokens / inputTokens)} cached)`;
  return `${formatCount(inputTokens)} in${cached}, ${formatCount(outputTokens)} out`;
}

function describeCost(report: RunReport): string {
  const { costMicroUsd, spentMicroUsd, unpricedModels, unmetered } = report;
  const earlier = costMicroUsd - spentMicroUsd;
  const split = earlier > 0 ? `, of which ${formatUsd(spentMicroUsd)} in this run` : '';
  const unknown =
    unpricedModels.length === 0 ? '' : `, without ${unpricedModels.join(', ')} (price not known)`;
  const free =
    unmetered === 0
      ? ''
      : `, without ${formatQuantity(unmetered, 'answer')} that came without usage`;
  return `${formatUsd(costMicroUsd)}${split}${unknown}${free}`;
}

function describeSaved({ savedMicroUsd }: RunReport): string | null {
  return savedMicroUsd > 0 ? `${formatUsd(savedMicroUsd)} by a primed cache` : null;
}

function describeTime({ wallMs, latencyMs, answered, failed, doneBefore }: RunReport): string {
  const perSecond = wallMs > 0 ? ((answered + failed - doneBefore) / wallMs) * 1_000 : 0;
  const latency =
    latencyMs === null
      ? ''
      : `, P50 ${formatDuration(latencyMs.p50)}, P95 ${formatDuration(latencyMs.p95)}`;
  return `${formatDuration(wallMs)} (${perSecond.toFixed(1)} requests/s${latency})`;
}
