/** Keeps what a bench found: a file for each scenario, and the page with the tables. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Goal } from './goals.ts';
import type { Provenance } from './machine.ts';
import type { BenchOptions, ScenarioReport } from './scenario.ts';
import { markdownFigures, markdownTable } from './tables.ts';

const RESULTS = fileURLToPath(new URL('./results', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
/** Parts of the page, each of which can be measured without the others. */
const PART_OF: Readonly<Partial<Record<ScenarioReport['name'], string>>> = {
  aws: 'bench:aws',
  'native-rows': 'bench:lanes',
  deadlines: 'bench:lanes',
  'head-table': 'bench:lanes',
};
const OTHER_PART = 'bench';

export interface BenchRun {
  readonly date: string;
  readonly provenance: Provenance;
  readonly options: BenchOptions;
}

/** Writes a scenario's figures to bench/results; returns the path. */
export function storeReport(report: ScenarioReport, run: BenchRun): string {
  mkdirSync(RESULTS, { recursive: true });
  const part = run.options.match === '' ? '' : '-part';
  const size = run.options.isQuick ? '-quick' : '';
  const path = join(RESULTS, `${run.date}-${report.name}${part}${size}.json`);
  writeFileSync(path, `${JSON.stringify({ ...run, ...report }, null, 2)}\n`);
  return path;
}

/** The tables and goals of a bench in Markdown. */
export function markdownReport(
  reports: readonly ScenarioReport[],
  { date, provenance, options }: BenchRun,
): string {
  const { cpu, cores, memoryGib, node, platform, commit, isModified } = provenance;
  const goals = reports.flatMap((report) => report.goals);
  return [
    `Measured on ${date}: ${cpu}, ${cores} cores, ${memoryGib} GiB, Node ${node}, ${platform}; commit ${commit}${isModified ? ' with changes' : ''}, seed ${options.seed}${options.isQuick ? ', quick' : ''}.`,
    ...reports.flatMap(({ comparisons, tables = [] }) => [
      ...comparisons.map(markdownTable),
      ...tables.map(markdownFigures),
    ]),
    '### Goals',
    goalsTable(goals),
  ].join('\n\n');
}

function goalsTable(goals: readonly Goal[]): string {
  return [
    '| | where | what | measured |',
    '| --- | --- | --- | --- |',
    ...goals.map(
      ({ isMet, where, what, detail }) =>
        `| ${isMet ? 'PASS' : '**FAIL**'} | ${where} | ${what} | ${detail} |`,
    ),
  ].join('\n');
}

/** Puts the figures into docs/benchmarks.md, each part between its marks. */
export function updatePage(reports: readonly ScenarioReport[], run: BenchRun): void {
  const parts = Map.groupBy(reports, ({ name }) => PART_OF[name] ?? OTHER_PART);
  for (const [part, group] of parts) replacePart(part, markdownReport(group, run));
}

function replacePart(part: string, markdown: string): void {
  const marks = { begin: `<!-- ${part}:begin -->`, end: `<!-- ${part}:end -->` };
  const page = readFileSync(PAGE, 'utf8');
  const begin = page.indexOf(marks.begin);
  const end = page.indexOf(marks.end);
  if (begin < 0 || end < begin) {
    throw new Error(`docs/benchmarks.md must hold ${marks.begin} and, after it, ${marks.end}.`);
  }
  const head = page.slice(0, begin + marks.begin.length);
  writeFileSync(PAGE, `${head}\n\n${markdown}\n\n${page.slice(end)}`);
}
