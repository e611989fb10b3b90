/** The commands that work against a Penstock server, deployed or on this machine. */

import { type Command, Option } from 'commander';
import type { CreateKeyFlags } from './commands/keys.ts';
import type { RedriveFlags } from './commands/redrive.ts';
import type { ResultsFlags } from './commands/results.ts';
import type { ServerFlags } from './commands/server-session.ts';
import type { SubmitFlags } from './commands/submit.ts';
import type { WatchFlags } from './commands/watch.ts';
import {
  parseLane,
  parseScopes,
  parseTags,
  parseUsd,
  parseWholeAboveZero,
  parseWindowText,
} from './option-parsers.ts';
import type { Terminal } from './terminal.ts';

type Finish = (exitCode: number) => void;

/** Adds them; what a command needs is loaded when it runs. */
export function addServerCommands(program: Command, terminal: Terminal, finish: Finish): void {
  addSubmit(program, terminal, finish);
  addStatus(program, terminal, finish);
  addWatch(program, terminal, finish);
  addResults(program, terminal, finish);
  addLimits(program, terminal, finish);
  addRedrive(program, terminal, finish);
  addKeys(program, terminal, finish);
}

function addSubmit(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('submit')
    .description('hand a file to a server; the same command again goes on where it stopped')
    .argument('<input>', 'OpenAI batch lines (JSONL): custom_id, method, url, body')
    .option('--batch <name>', 'name of the batch (default: made of the content of the file)')
    .addOption(
      new Option(
        '--window <duration>',
        'how long answers are wanted for, e.g. 15m; leaves room for cheaper lanes',
      ).argParser(parseWindowText),
    )
    .addOption(
      new Option(
        '--lane <lane>',
        "live, flex or native (the provider's batches), whatever the window",
      ).argParser(parseLane),
    )
    .addOption(
      new Option('--tags <tags>', 'names to book the cost on, e.g. nightly,team-a').argParser(
        parseTags,
      ),
    )
    .option('--skip-invalid', 'leave bad lines out instead of refusing the file')
    .option('--wait', 'watch until all is answered, then write the results')
    .option('--watch', 'the same as --wait')
    .option('-o, --output <file>', 'where results go (default: INPUT.out.jsonl); means --wait')
    .option('--overwrite', 'replace an output file that holds something else')
    .option('-q, --quiet', 'no progress, no summary');
  asServerCommand(command)
    .addHelpText('after', EXIT_CODES)
    .action(async (input: string, { watch, ...flags }: SubmitFlags & { watch?: boolean }) => {
      const { submit } = await import('./commands/submit.ts');
      const wait = flags.wait === true || watch === true;
      finish(await submit(input, { ...flags, wait }, terminal));
    });
}

function addStatus(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('status')
    .description('say how many requests are answered, what they cost, and what failed')
    .argument('[batch]', 'only this batch');
  asServerCommand(command).action(async (batch: string | undefined, flags: ServerFlags) => {
    const { status } = await import('./commands/status.ts');
    finish(await status(batch, flags, terminal));
  });
}

function addWatch(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('watch')
    .description('follow a batch to its end; Ctrl-C stops watching, not the batch')
    .argument('<batch>')
    .option('-o, --output <file>', 'write the results there at the end; - for standard output')
    .option('--overwrite', 'replace an output file that holds something else')
    .option('-q, --quiet', 'no progress, no summary');
  asServerCommand(command)
    .addHelpText('after', EXIT_CODES)
    .action(async (batch: string, flags: WatchFlags) => {
      const { watch } = await import('./commands/watch.ts');
      finish(await watch(batch, flags, terminal));
    });
}

function addResults(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('results')
    .description('fetch the answers of a batch, or of a tag, into a file')
    .argument('[batch]')
    .option('--tag <tag>', 'only requests with this tag')
    .option('--status <status>', 'only those that ended so, e.g. failed')
    .option(
      '-o, --output <file>',
      'where they go (default: BATCH.out.jsonl); - for standard output',
    )
    .option('--overwrite', 'replace an output file that holds something else')
    .option('-q, --quiet', 'no progress, no summary');
  asServerCommand(command).action(async (batch: string | undefined, flags: ResultsFlags) => {
    const { results } = await import('./commands/results.ts');
    finish(await results(batch, flags, terminal));
  });
}

function addLimits(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('limits')
    .description('show the rate limits of every model, and what is left of them now');
  asServerCommand(command).action(async (flags: ServerFlags) => {
    const { limits } = await import('./commands/limits.ts');
    finish(await limits(flags, terminal));
  });
}

function addRedrive(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('redrive')
    .description('send messages that were given up back to their queue (administrators)')
    .addOption(new Option('--limit <n>', 'most to send').argParser(parseWholeAboveZero));
  asServerCommand(command).action(async (flags: RedriveFlags) => {
    const { redrive } = await import('./commands/redrive.ts');
    finish(await redrive(flags, terminal));
  });
}

function addKeys(program: Command, terminal: Terminal, finish: Finish): void {
  const keys = program
    .command('keys')
    .description('make, list and revoke API keys (administrators)');
  const create = keys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--tenant <name>', 'whose requests it submits and sees')
    .option('--name <name>', 'for people: whose it is, or what it is for')
    .addOption(
      new Option('--scopes <scopes>', 'read, write, admin (default: read,write)').argParser(
        parseScopes,
      ),
    )
    .addOption(
      new Option('--budget <usd>', 'most the tenant may spend in a month').argParser(parseUsd),
    );
  asServerCommand(create).action(async (flags: CreateKeyFlags) => {
    const { createKey } = await import('./commands/keys.ts');
    finish(await createKey(flags, terminal));
  });
  const list = keys.command('list').description('all keys, without the keys themselves');
  asServerCommand(list).action(async (flags: ServerFlags) => {
    const { listKeys } = await import('./commands/keys.ts');
    finish(await listKeys(flags, terminal));
  });
  const revoke = keys.command('revoke').description('end a key').argument('<id>');
  asServerCommand(revoke).action(async (id: string, flags: ServerFlags) => {
    const { revokeKey } = await import('./commands/keys.ts');
    finish(await revokeKey(id, flags, terminal));
  });
}

const EXIT_CODES = `
Exit codes: 0 every line answered; 1 some are errors; 2 bad input, or a server that refuses; 130 interrupted, the batch goes on.`;

function asServerCommand(command: Command): Command {
  return command
    .option('--api <url>', 'address of the server (or PENSTOCK_API)')
    .option('--key <key>', 'API key (better in PENSTOCK_KEY: a command line can be seen by others)')
    .option('--json', 'one JSON object on standard output');
}
