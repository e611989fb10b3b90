/** What the demo concludes: a table, and a sentence that holds only what was measured. */

import Table from 'cli-table3';
import type { Measurement } from '../bench/measurement.ts';
import { formatCount, formatDuration, formatQuantity, formatUsd } from '../cli/format.ts';

export interface DemoFigures {
  /** Requests in the file. */
  readonly requests: number;
  readonly penstock: Measurement;
  readonly unpaced: Measurement;
  /** Possibly of the first requests only. */
  readonly sequential: Measurement;
}

const MICRO = 1_000_000;
const MS = 1_000;

export function comparisonTable(figures: DemoFigures): string {
  const { requests, penstock, unpaced, sequential } = figures;
  const columns = [penstock, sequential, unpaced];
  const table = new Table({
    head: [
      '',
      'Penstock',
      sequential.requests < requests
        ? `one after the other\n(first ${sequential.requests}, scaled)`
        : 'one after the other',
      'all at once\n(SDK with its own retries)',
    ],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  const row = (name: string, cell: (column: Measurement) => string): void =>
    void table.push([name, ...columns.map(cell)]);
  row('answered', (column) => `${formatCount(column.answered)} of ${formatCount(column.requests)}`);
  row('wall time', (column) => about(column, requests, formatDuration(wallMs(column, requests))));
  row('P95 from start to answer', (column) =>
    about(column, requests, formatDuration(column.fromSubmissionMs.p95 * scale(column, requests))),
  );
  row('P95 from first attempt', (column) => formatDuration(column.fromFirstAttemptMs.p95));
  row('429s', (column) => formatCount(column.refused));
  row('lost', (column) => formatCount(column.lost));
  row('cost', (column) =>
    about(column, requests, formatUsd(column.costUsd * MICRO * scale(column, requests))),
  );
  row('cost of 1,000 answers', (column) =>
    column.answered === 0 ? '-' : formatUsd((column.costUsd * MICRO * 1_000) / column.answered),
  );
  return table.toString();
}

export function conclusion({ requests, penstock, unpaced, sequential }: DemoFigures): string {
  const ratio = wallMs(sequential, requests) / wallMs(penstock, requests);
  const lostUnpaced =
    unpaced.lost === 0 ? 'lost none' : `lost ${formatQuantity(unpaced.lost, 'request')}`;
  return [
    `Penstock answered ${formatCount(penstock.answered)} of ${formatQuantity(requests, 'request')} in ${formatDuration(wallMs(penstock, requests))} with ${penstock.refused === 0 ? 'no 429s' : formatQuantity(penstock.refused, '429')};`,
    `all at once, the SDK met ${formatQuantity(unpaced.refused, '429')} and ${lostUnpaced};`,
    `one after the other takes ${sequential.requests < requests ? 'about ' : ''}${formatDuration(wallMs(sequential, requests))}, ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as long.`,
  ].join(' ');
}

/** A sample stands for the whole file. */
function scale(column: Measurement, requests: number): number {
  return requests / column.requests;
}

function wallMs(column: Measurement, requests: number): number {
  return column.wallSeconds * MS * scale(column, requests);
}

function about(column: Measurement, requests: number, text: string): string {
  return column.requests < requests ? `~ ${text}` : text;
}
