/** Comparisons as tables: for a terminal, and in Markdown for a README. */

import Table from 'cli-table3';
import { asCount, asPercent } from './goals.ts';
import type { Measurement } from './measurement.ts';
import type { ColumnName, Comparison, FigureTable } from './scenario.ts';

interface Column {
  readonly title: string;
  readonly cell: (row: Measurement) => string;
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
const optional = (value: number | null, digits: number): string =>
  value === null ? '-' : value.toFixed(digits);

const COLUMNS: Readonly<Record<ColumnName, Column>> = {
  requests: { title: 'requests', cell: (row) => asCount(row.requests) },
  wall: { title: 'wall s', cell: (row) => row.wallSeconds.toFixed(1) },
  rate: { title: 'answers/s', cell: (row) => asCount(row.answersPerSecond) },
  utilization: {
    title: 'limit used',
    cell: ({ binding }) => (binding === null ? '-' : asPercent(binding.utilization)),
  },
  refused: {
    title: '429s / sent',
    cell: (row) =>
      `${asCount(row.refused)} / ${asCount(row.sent)} (${asPercent(row.refusedShare)})`,
  },
  fromSubmission: {
    title: 'from submission P50/P95/P99 s',
    cell: ({ fromSubmissionMs: { p50, p95, p99 } }) => [p50, p95, p99].map(seconds).join(' / '),
  },
  fromFirstAttempt: {
    title: 'from first attempt P50/P95/P99 s',
    cell: ({ fromFirstAttemptMs: { p50, p95, p99 } }) => [p50, p95, p99].map(seconds).join(' / '),
  },
  providerP95: { title: "provider's own P95 s", cell: (row) => seconds(row.providerMs.p95) },
  cpu: { title: 'CPU s / 1,000', cell: (row) => optional(row.cpuSecondsPer1000, 2) },
  memory: { title: 'peak MiB', cell: (row) => optional(row.peakRssMib, 0) },
  lost: { title: 'lost', cell: (row) => asCount(row.lost) },
  repeated: {
    title: 'lines twice / calls twice',
    cell: (row) => `${asCount(row.repeatedLines)} / ${asCount(row.avoidableCalls)}`,
  },
  cost: { title: 'cost', cell: (row) => `$${row.costUsd.toFixed(4)}` },
};

/** One approach in each row. */
export function markdownTable({ title, setting, rows, columns }: Comparison): string {
  const chosen = columns.map((name) => COLUMNS[name]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `### ${title}`,
    '',
    setting,
    '',
    line(['', ...chosen.map((column) => column.title)]),
    line(['---', ...chosen.map(() => '---:')]),
    ...rows.map((row) => line([row.approach, ...chosen.map((column) => column.cell(row))])),
  ].join('\n');
}

/** One approach in each column while these are few, since the names of the figures are long. */
export function terminalTable({ title, rows, columns }: Comparison): string {
  const isWide = rows.length > MOST_COLUMNS;
  const chosen = columns.map((name) => COLUMNS[name]);
  const table = new Table({
    head: isWide
      ? ['', ...chosen.map(({ title: head }) => head)]
      : ['', ...rows.map((row) => row.approach)],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
  });
  if (isWide) {
    for (const row of rows) table.push([row.approach, ...chosen.map(({ cell }) => cell(row))]);
  } else {
    for (const { title: name, cell } of chosen) table.push([name, ...rows.map(cell)]);
  }
  return `${title}\n${table.toString()}`;
}

const MOST_COLUMNS = 5;

/** Figures as they are, the first column a name. */
export function markdownFigures({ title, setting, header, rows }: FigureTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [`### ${title}`, '', setting, '', line(header), line(rule), ...rows.map(line)].join('\n');
}

export function terminalFigures({ title, header, rows }: FigureTable): string {
  const table = new Table({
    head: [...header],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
  });
  for (const row of rows) table.push([...row]);
  return `${title}\n${table.toString()}`;
}
