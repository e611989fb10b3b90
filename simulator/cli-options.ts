import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { parseFaults } from './faults.ts';
import { parseJson } from './http.ts';
import {
  checkOptions,
  InvalidOptionsError,
  mergeOptions,
  type SimulatorOptions,
} from './options.ts';

/** What a command line asks for. */
export interface CommandLine {
  readonly options: SimulatorOptions;
  readonly isJson: boolean;
}

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly seed?: number;
  readonly rpm?: number;
  readonly rpd?: number;
  readonly tpm?: number;
  readonly itpm?: number;
  readonly otpm?: number;
  readonly depthSeconds?: number;
  readonly quantumMs?: number;
  readonly concurrency?: number;
  readonly charge?: 'max' | 'sum' | 'prompt';
  readonly refusalCostsRequest?: boolean;
  readonly p50?: number;
  readonly p95?: number;
  readonly latency?: { readonly minMs: number; readonly maxMs: number };
  readonly charsPerToken?: number;
  readonly estimate?: 'plain' | 'header-fit';
  readonly headers?: 'all' | 'retry-after' | 'none' | false;
  readonly fault?: string;
  readonly apiKey?: readonly string[];
  readonly model?: readonly string[];
  readonly clock?: 'system' | 'frozen' | 'running';
  readonly batch?: string;
}

/**
 * Reads the command line; flags win over the file of --config.
 * @throws {InvalidOptionsError} when the file or a value is wrong, naming it.
 */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const flags = createCommand().parse(argv, { from: 'user' }).opts<Flags>();
  const fromFile = flags.config === undefined ? {} : readConfig(flags.config);
  const options = mergeOptions(fromFile, optionsOf(flags));
  checkOptions(options);
  return { options, isJson: flags.json === true };
}

function createCommand(): Command {
  return new Command('simulator')
    .description('A simulated LLM provider with rate limits, latency, faults and books.')
    .option('--config <file>', 'YAML or JSON file of options; flags win over it')
    .option('--json', 'print the start line as JSON')
    .option('--host <address>', 'address to bind (default 127.0.0.1)')
    .option('--port <n>', 'port; 0 picks a free one (default 0)', number)
    .option('--seed <n>', 'seed of latency, answers and faults (default 1)', number)
    .option('--rpm <n>', 'requests per minute, per model', number)
    .option('--rpd <n>', 'requests per day; the headers then show it in place of --rpm', number)
    .option('--tpm <n>', 'tokens per minute, input and output together', number)
    .option('--itpm <n>', 'input tokens per minute', number)
    .option('--otpm <n>', 'output tokens per minute', number)
    .option('--depth-seconds <n>', 'seconds of refill a bucket holds (default 60)', number)
    .option('--quantum-ms <n>', 'refill in steps of this length', number)
    .option('--concurrency <n>', 'most requests in flight, per model', number)
    .option('--charge <rule>', 'max, sum or prompt: what admission charges (default max)')
    .option('--refusal-costs-request', 'a 429 spends one request')
    .option('--p50 <ms>', 'median service time (default 800)', number)
    .option('--p95 <ms>', '95th percentile of the service time (default 1770)', number)
    .option('--latency <min-max>', 'uniform service time in ms instead, e.g. 2-5', range)
    .option('--chars-per-token <n>', 'how dense the tokenizer is (default 4)', number)
    .option('--estimate <rule>', 'plain, or header-fit: 17 + chars / ratio (default plain)')
    .option('--headers <which>', 'all, retry-after or none (default all)')
    .option('--no-headers', 'the same as --headers none')
    .option('--fault <spec>', 'e.g. http500:0.02,hang=20s:0.002,outage@10s-20s')
    .option('--api-key <key>', 'accept this key only; may be repeated', collect)
    .option('--model <name>', 'serve this model only; may be repeated', collect)
    .option('--clock <kind>', 'system, or frozen or running, which POST /_advance moves')
    .option(
      '--batch <json>',
      'options of batches, e.g. {"turnaround":{"p50Ms":60000,"p95Ms":300000}}',
    );
}

function optionsOf(flags: Flags): SimulatorOptions {
  const { host, port, seed, p50, p95, latency, charsPerToken, estimate, headers } = flags;
  const limits = defined({
    requestsPerMinute: flags.rpm,
    requestsPerDay: flags.rpd,
    tokensPerMinute: flags.tpm,
    inputTokensPerMinute: flags.itpm,
    outputTokensPerMinute: flags.otpm,
    depthSeconds: flags.depthSeconds,
    quantumMs: flags.quantumMs,
    concurrency: flags.concurrency,
    charge: flags.charge,
    refusalCostsRequest: flags.refusalCostsRequest,
  });
  const lognormal = { p50Ms: p50 ?? 800, p95Ms: p95 ?? (p50 ?? 800) * 2.2125 };
  const isLognormal = p50 !== undefined || p95 !== undefined;
  if (isLognormal && latency !== undefined) {
    throw new InvalidOptionsError('Give either --p50 and --p95, or --latency, not both.');
  }
  return defined({
    host,
    port,
    seed,
    limits,
    latency: latency ?? (isLognormal ? lognormal : undefined),
    tokens: defined({ charsPerToken, estimate }),
    rateHeaders: headers === false ? ('none' as const) : headers,
    faults: flags.fault === undefined ? undefined : faultsOf(flags.fault),
    apiKeys: flags.apiKey && [...flags.apiKey],
    clock: flags.clock,
    batches: flags.batch === undefined ? undefined : batchesOf(flags.batch),
    models: flags.model && Object.fromEntries(flags.model.map((name) => [name, {}])),
  });
}

/** The members that are given: an absent flag must not override the file. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> };
function defined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function faultsOf(spec: string): string {
  try {
    parseFaults(spec);
    return spec;
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidOptionsError(`--fault: ${error.message}`);
    throw error;
  }
}

function batchesOf(text: string): NonNullable<SimulatorOptions['batches']> {
  const batches = parseJson(text);
  const options = { batches };
  if (batches === undefined || !isOptions(options)) {
    throw new InvalidOptionsError('--batch: must be a JSON object');
  }
  return options.batches ?? {};
}

function readConfig(file: string): SimulatorOptions {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidOptionsError(`--config ${file}: ${reason}`);
  }
  if (!isOptions(content)) throw new InvalidOptionsError(`--config ${file}: must be a mapping`);
  return content;
}

function isOptions(value: unknown): value is SimulatorOptions {
  if (typeof value !== 'object' || value === null) return false;
  checkOptions(value);
  return true;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('not a number.');
  return value;
}

function range(text: string): { minMs: number; maxMs: number } {
  const [min, max = min, rest] = text.split('-');
  if (min === undefined || max === undefined || rest !== undefined) {
    throw new InvalidArgumentError('write min-max in ms, e.g. 2-5.');
  }
  return { minMs: number(min), maxMs: number(max) };
}

function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
