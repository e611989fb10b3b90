import { resolve } from 'node:path';
import { type ActiveRun, type RunResult, runFile } from '../../local/run/run-file.ts';
import { createTelemetry } from '../../local/telemetry.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import type { PenstockConfig } from '../../shared/contracts/config.ts';
import type { ProviderStop } from '../../shared/domain/capacity/provider-stop.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { formatCount, formatQuantity, formatUsd } from '../format.ts';
import { ProgressMeter } from '../progress/progress-snapshot.ts';
import { createProgressView, type ProgressView } from '../progress/progress-view.ts';
import type { Terminal } from '../terminal.ts';
import { configure } from './configure.ts';
import { printRejected } from './rejected-report.ts';
import { describeReport, exitCodeOf, type RunPlaces, reportJson } from './run-summary.ts';

export interface RunFlags {
  readonly output?: string;
  readonly config?: string;
  readonly state?: string;
  readonly window?: number;
  readonly lane?: Lane;
  readonly tags?: string[];
  readonly concurrency?: number;
  readonly skipInvalid?: boolean;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const STDOUT = '-';
/** Between two looks at the counters. Unit: ms. */
const LOOK_EVERY_MS = 200;
const INTERRUPTED = 130;

/** Answers a file; resolves to the exit code. */
export async function run(input: string, flags: RunFlags, terminal: Terminal): Promise<number> {
  if (input === STDOUT) {
    throw new AppError(
      'invalid_request',
      'A run can be resumed, so its input must be a file. Save standard input first: cat > in.jsonl',
    );
  }
  const places = placesOf(input, flags);
  const { config, models, source } = await configure(terminal, flags, true);
  const view = createProgressView(terminal, flags.quiet === true || flags.json === true);
  const interrupt = new Interrupt(view);
  const at = (path: string): string => resolve(terminal.directory, path);
  try {
    const result = await runFile({
      inputPath: at(input),
      output: places.output === STDOUT ? terminal.stdout : at(places.output),
      stateDirectory: at(places.state),
      overwrite: flags.overwrite === true,
      skipInvalid: flags.skipInvalid === true,
      lane: flags.lane ?? null,
      windowMs: flags.window ?? null,
      tags: flags.tags ?? [],
      config,
      models,
      source,
      clock: terminal.clock,
      random: systemRandom,
      telemetry: await createTelemetry(flags.verbose === true ? 'debug' : 'silent'),
      onValidating: view.validating,
      onRunning: (active) => {
        interrupt.run = active;
        announce(active, flags, terminal);
        follow(active, view, terminal, interrupt);
      },
    });
    view.end();
    return conclude(result, { places, flags, config, terminal });
  } finally {
    interrupt.end();
    view.end();
  }
}

function placesOf(input: string, { output, state }: RunFlags): RunPlaces {
  const stem = input.replace(/\.jsonl$/, '');
  const out = output ?? `${stem}.out.jsonl`;
  return { input, output: out, state: state ?? `${out === STDOUT ? stem : out}.state` };
}

function announce(active: ActiveRun, flags: RunFlags, terminal: Terminal): void {
  if (!active.isResumed || flags.quiet === true || flags.json === true) return;
  const { doneBefore, total, adopted } = active;
  const found =
    adopted === 0 ? '' : ` (${formatCount(adopted)} of them received just before it ended)`;
  terminal.note(
    `Resuming: ${formatCount(doneBefore)} of ${formatCount(total)} already answered${found}, ${formatUsd(0)} for those`,
  );
}

/** Shows the counters until the run, or the process's interest in it, ends. */
function follow(
  active: ActiveRun,
  view: ProgressView,
  terminal: Terminal,
  interrupt: Interrupt,
): void {
  const meter = new ProgressMeter(active);
  const look = (): void => view.running(meter.read(active.progress(), terminal.clock.nowMs()));
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  interrupt.onEnd(() => clearInterval(timer));
}

interface Conclusion {
  readonly places: RunPlaces;
  readonly flags: RunFlags;
  readonly config: PenstockConfig;
  readonly terminal: Terminal;
}

function conclude(result: RunResult, conclusion: Conclusion): number {
  if (result.kind === 'rejected') return concludeRejected(result, conclusion);
  const { places, flags, config, terminal } = conclusion;
  const { report } = result;
  const exitCode = exitCodeOf(report);
  if (flags.json === true) terminal.print(JSON.stringify(reportJson(report, places)));
  else if (flags.quiet !== true) {
    const text = describeReport(report, places, terminal);
    if (places.output === STDOUT) terminal.note(text);
    else terminal.print(text);
  }
  for (const stop of report.stops) terminal.note(describeStop(stop, config));
  if (report.left > 0) {
    terminal.note(
      `${formatQuantity(report.left, 'request')} left. Run the same command again to go on; nothing answered is asked or paid again.`,
    );
  }
  return exitCode;
}

function concludeRejected(
  result: Extract<RunResult, { kind: 'rejected' }>,
  { places, flags, terminal }: Conclusion,
): number {
  const { total, first } = result;
  if (flags.json === true) {
    const rejected = first.map(({ customId, ...line }) => ({ ...line, custom_id: customId }));
    terminal.print(
      JSON.stringify({ status: 'rejected', exit_code: 2, ...places, total, rejected }),
    );
    return 2;
  }
  printRejected(places.input, result, terminal);
  terminal.note(
    'Nothing was sent. Mend them, or give --skip-invalid to run the others and give these an error row.',
  );
  return 2;
}

/** The provider's words, then what to do about them. */
function describeStop({ provider, code, message }: ProviderStop, config: PenstockConfig): string {
  const words = `${provider} stopped (${code}): ${message.replace(/\.+$/, '')}.`;
  switch (code) {
    case 'provider_auth_failed': {
      const apiKey = config.providers.get(provider)?.apiKey;
      const variable = apiKey?.kind === 'value' ? apiKey.variable : null;
      const place = variable ?? `providers.${provider}.apiKey`;
      return `${words} Put a valid key into ${place}; penstock doctor checks it.`;
    }
    case 'provider_quota_spent':
      return `${words} Add credit or raise the limit with the provider.`;
    default:
      return words;
  }
}

/** Ctrl-C: once stops with care, twice stops at once. */
class Interrupt {
  run: ActiveRun | null = null;
  readonly #view: ProgressView;
  readonly #enders: (() => void)[] = [];
  #count = 0;

  constructor(view: ProgressView) {
    this.#view = view;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, this.#onSignal);
      this.onEnd(() => process.off(signal, this.#onSignal));
    }
  }

  onEnd(ender: () => void): void {
    this.#enders.push(ender);
  }

  end(): void {
    for (const ender of this.#enders.splice(0)) ender();
  }

  readonly #onSignal = (): void => {
    this.#count += 1;
    if (this.run === null || this.#count > 1) {
      this.#view.end();
      process.exit(INTERRUPTED);
    }
    this.run.stop();
    const { inFlight, jobs = [] } = this.run.progress();
    const submitted = jobs.filter(({ phase }) => phase === 'submitted').length;
    const batches =
      submitted === 0
        ? ''
        : ` ${formatCount(submitted)} ${submitted === 1 ? 'batch goes' : 'batches go'} on at the provider; the same command takes the results in later.`;
    this.#view.say(
      `Stopping: ${formatQuantity(inFlight, 'call')} in flight will finish first. Ctrl-C again quits at once.${batches}`,
    );
  };
}
