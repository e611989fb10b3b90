import { Argument, Command, InvalidArgumentError } from 'commander';
import { readProvenance } from './machine.ts';
import { Scratch } from './processes/scratch.ts';
import { type BenchRun, markdownReport, storeReport, updatePage } from './report.ts';
import {
  SCENARIO_NAMES,
  type Scenario,
  type ScenarioName,
  type ScenarioReport,
} from './scenario.ts';
import { aws } from './scenarios/aws.ts';
import { crash } from './scenarios/crash.ts';
import { deadlines } from './scenarios/deadlines.ts';
import { headTable } from './scenarios/head-table.ts';
import { limits } from './scenarios/limits.ts';
import { memory } from './scenarios/memory.ts';
import { nativeRows } from './scenarios/native-rows.ts';
import { overhead } from './scenarios/overhead.ts';
import { terminalFigures, terminalTable } from './tables.ts';

const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  limits,
  overhead,
  memory,
  'native-rows': nativeRows,
  crash,
  aws,
  deadlines,
  'head-table': headTable,
};

interface Flags {
  readonly quick: boolean;
  readonly json: boolean;
  readonly docs: boolean;
  readonly seed: number;
  readonly match: string;
}

const command = new Command('bench')
  .description('Measures Penstock against the simulated provider, beside the naive ways.')
  .addArgument(new Argument('[scenario...]', 'all unless some are named').choices(SCENARIO_NAMES))
  .option('--quick', 'less work: shows that everything runs, within some minutes', false)
  .option('--json', 'print one JSON object instead of tables', false)
  .option('--docs', 'put the figures into docs/benchmarks.md', false)
  .option('--seed <n>', 'seed of requests, answers and kills', wholeNumber, 1)
  .option('--match <text>', 'of the limits scenario, only what has this in its name', '')
  .action(async (named: ScenarioName[]) => {
    process.exitCode = await bench(
      named.length > 0 ? named : SCENARIO_NAMES,
      command.opts<Flags>(),
    );
  });
await command.parseAsync();

async function bench(names: readonly ScenarioName[], flags: Flags): Promise<number> {
  const { quick: isQuick, seed, match } = flags;
  const run: BenchRun = {
    date: new Date().toISOString().slice(0, 10),
    provenance: readProvenance(),
    options: { isQuick, seed, match },
  };
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const scratch = new Scratch('bench');
  const reports: ScenarioReport[] = [];
  try {
    for (const name of names) {
      const report = await SCENARIOS[name]({ ...run.options, scratch, say });
      reports.push(report);
      const path = storeReport(report, run);
      if (!flags.json) print(report, path);
    }
  } finally {
    scratch.dispose();
  }
  const markdown = markdownReport(reports, run);
  console.log(flags.json ? JSON.stringify({ ...run, reports }) : `\n${markdown}`);
  if (flags.docs) updatePage(reports, run);
  const goals = reports.flatMap((report) => report.goals);
  const missed = goals.filter(({ isMet }) => !isMet);
  say(`${goals.length - missed.length} of ${goals.length} goals met`);
  return missed.length === 0 ? 0 : 1;
}

function print(report: ScenarioReport, path: string): void {
  for (const comparison of report.comparisons) console.log(`\n${terminalTable(comparison)}`);
  for (const table of report.tables ?? []) console.log(`\n${terminalFigures(table)}`);
  console.log('');
  for (const { isMet, where, what, detail } of report.goals) {
    console.log(`${isMet ? 'PASS' : 'FAIL'} ${where}: ${what}: ${detail}`);
  }
  console.log(`Kept in ${path}`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('must be a whole number.');
  return value;
}
