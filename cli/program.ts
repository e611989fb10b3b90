import { Command, Option } from 'commander';
import packageFile from '../package.json' with { type: 'json' };
import type { DoctorFlags } from './commands/doctor.ts';
import type { PlanFlags } from './commands/plan.ts';
import type { RunFlags } from './commands/run.ts';
import type { ServeFlags } from './commands/serve.ts';
import {
  parseLane,
  parsePort,
  parseTags,
  parseWholeAboveZero,
  parseWindow,
} from './option-parsers.ts';
import { addServerCommands } from './server-commands.ts';
import type { Terminal } from './terminal.ts';

/**
 * Every command with its options. What a command needs is loaded when it runs, so that help and
 * the light ones answer at once.
 */
export function createProgram(terminal: Terminal, finish: (exitCode: number) => void): Command {
  const program = new Command('penstock')
    .description(
      'Answers any number of LLM requests once each, as cheaply as their deadline allows.',
    )
    .version(packageFile.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    })
    .showHelpAfterError('(penstock help shows what there is)');
  addRun(program, async (input, flags) => {
    const { run } = await import('./commands/run.ts');
    finish(await run(input, flags, terminal));
  });
  addPlan(program, async (input, flags) => {
    const { plan } = await import('./commands/plan.ts');
    finish(await plan(input, flags, terminal));
  });
  addDoctor(program, async (flags) => {
    const { doctor } = await import('./commands/doctor.ts');
    finish(await doctor(flags, terminal));
  });
  addServe(program, async (flags) => {
    const { serve } = await import('./commands/serve.ts');
    finish(await serve(flags, terminal));
  });
  addServerCommands(program, terminal, finish);
  return program;
}

function addRun(program: Command, action: (input: string, flags: RunFlags) => Promise<void>): void {
  program
    .command('run')
    .description('answer every line of a file; the same command again goes on where it stopped')
    .argument('<input>', 'OpenAI batch lines (JSONL): custom_id, method, url, body')
    .option(
      '-o, --output <file>',
      'where results go; - for standard output (default: INPUT.out.jsonl)',
    )
    .addOption(configOption())
    .option('--state <dir>', 'where progress is kept (default: OUTPUT.state)')
    .addOption(windowOption())
    .addOption(laneOption())
    .addOption(
      new Option('--tags <tags>', 'names to book the cost on, e.g. nightly,team-a').argParser(
        parseTags,
      ),
    )
    .addOption(concurrencyOption())
    .option('--skip-invalid', 'give bad lines an error row instead of refusing the file')
    .option('--overwrite', 'replace an output file that is not of this run')
    .option('-q, --quiet', 'no progress, no summary')
    .option('--json', 'one JSON object on standard output at the end, and nothing else there')
    .option('--verbose', 'log what happens to standard error')
    .addHelpText(
      'after',
      `
Exit codes: 0 every line answered; 1 some rows are errors; 2 bad input or a provider that needs you; 130 interrupted.

Examples:
  penstock run in.jsonl -o out.jsonl
  penstock run in.jsonl -o out.jsonl --window 24h --tags nightly
  penstock run in.jsonl -o - --quiet | jq .response.body`,
    )
    .action(action);
}

function addPlan(
  program: Command,
  action: (input: string, flags: PlanFlags) => Promise<void>,
): void {
  program
    .command('plan')
    .description('say what a run would take and cost; sends nothing, and needs no key')
    .argument('<input>', 'the file a run would answer')
    .addOption(configOption())
    .addOption(windowOption())
    .option('--json', 'one JSON object')
    .action(action);
}

function addDoctor(program: Command, action: (flags: DoctorFlags) => Promise<void>): void {
  program
    .command('doctor')
    .description(
      'check Node, configuration, keys, models, clock and disk, and say how to mend them',
    )
    .addOption(configOption())
    .option('--state <dir>', 'where progress would be kept')
    .option('--json', 'one JSON object')
    .action(action);
}

function addServe(program: Command, action: (flags: ServeFlags) => Promise<void>): void {
  program
    .command('serve')
    .description('offer the HTTP API on this machine, and answer what it takes in')
    .addOption(configOption())
    .option('--state <dir>', 'where requests and results are kept (default: .penstock)')
    .option(
      '--host <host>',
      'where to listen (default: 127.0.0.1); anything else needs server.apiKeys',
    )
    .addOption(
      new Option('--port <port>', 'default: 8080; 0 takes any free one').argParser(parsePort),
    )
    .addOption(concurrencyOption())
    .option('--verbose', 'log every attempt to standard error')
    .action(action);
}

function configOption(): Option {
  return new Option(
    '-c, --config <file>',
    'configuration (default: penstock.yaml, else the environment)',
  );
}

function windowOption(): Option {
  return new Option(
    '--window <duration>',
    'how long answers are wanted for, e.g. 15m; leaves room for cheaper lanes',
  ).argParser(parseWindow);
}

function laneOption(): Option {
  return new Option(
    '--lane <lane>',
    "live, flex or native (the provider's batches), whatever the window",
  ).argParser(parseLane);
}

function concurrencyOption(): Option {
  return new Option('--concurrency <n>', 'most calls at once for each model').argParser(
    parseWholeAboveZero,
  );
}
