import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import Table from 'cli-table3';
import {
  type FilePlan,
  type LanePlan,
  type ModelPlan,
  planFile,
} from '../../local/run/plan-file.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { writeCompletionWindow } from '../../shared/domain/lanes/completion-window.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import { formatCount, formatDuration, formatQuantity, formatShare, formatUsd } from '../format.ts';
import { createProgressView } from '../progress/progress-view.ts';
import type { Terminal } from '../terminal.ts';
import { configure } from './configure.ts';
import { printRejected } from './rejected-report.ts';

export interface PlanFlags {
  readonly config?: string;
  readonly json?: boolean;
  /** How long the answers may take. Unit: ms. */
  readonly window?: number;
}

const STDIN = '-';
const BAD_INPUT = 2;

/** Shows what a run would take; resolves to the exit code. */
export async function plan(input: string, flags: PlanFlags, terminal: Terminal): Promise<number> {
  if (input === STDIN) {
    throw new AppError(
      'invalid_request',
      'The input must be a file, as for run. Save standard input first: cat > in.jsonl',
    );
  }
  const { models } = await configure(terminal, flags, false);
  const path = resolve(terminal.directory, input);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const view = createProgressView(terminal, flags.json === true);
  const filePlan = await planFile({
    path,
    models,
    windowMs: flags.window ?? null,
    onProgress: (readBytes, rejected) => view.validating(readBytes, bytes, rejected),
  }).finally(view.end);
  const exitCode = filePlan.rejected.total > 0 ? BAD_INPUT : 0;
  if (flags.json === true) {
    terminal.print(JSON.stringify(planJson(filePlan, exitCode)));
    return exitCode;
  }
  if (filePlan.models.length > 0) {
    terminal.print(describePlan(filePlan, flags.window ?? null, terminal));
  }
  if (exitCode !== 0) printRejected(input, filePlan.rejected, terminal);
  return exitCode;
}

function describePlan(
  { lines, models }: FilePlan,
  windowMs: number | null,
  terminal: Terminal,
): string {
  const { color } = terminal;
  const table = new Table({
    head: ['model', 'requests', 'tokens in', 'max out', 'binds', 'takes'],
    colAligns: ['left', 'right', 'right', 'right', 'left', 'right'],
    style: { head: [], border: [] },
  });
  for (const model of models) {
    table.push([
      model.model,
      formatCount(model.requests),
      formatCount(model.inputTokens),
      formatCount(model.maxOutputTokens),
      model.binding === null
        ? 'learnt when it runs'
        : `${WORDS[model.binding.dimension]} ${formatCount(model.binding.perMinute)}/min`,
      model.durationMs === null ? '' : formatDuration(model.durationMs),
    ]);
  }
  const notes = [
    `${formatQuantity(lines, 'line')}. Costs run from no answer at all to every answer as long as it may be;\nprompt caching lowers them further.`,
    laneTable(models, windowMs),
    ...models.flatMap(({ model, auto }) => (auto ? [`${model}: ${auto.decision.why}`] : [])),
    ...savings(models, windowMs).map((saving) => color.green(saving)),
    ...unpriced(models),
    ...unbounded(models),
  ];
  return [table.toString(), ...notes].join('\n');
}

const WORDS = {
  requests: 'requests',
  inputTokens: 'input tokens',
  outputTokens: 'output tokens',
  totalTokens: 'tokens',
} as const;

/** Cost and finish of the whole file in each lane, and as it would be planned. */
function laneTable(models: readonly ModelPlan[], windowMs: number | null): string {
  const priced = models.filter(({ auto }) => auto !== null);
  const table = new Table({
    head: ['lane', 'cost', 'saved', 'done after about'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const live = sumOf(priced, (model) => inLane(model, 'live')?.mostMicroUsd ?? 0);
  const saved = (cost: number): string => (live === 0 ? '' : formatShare((live - cost) / live));
  for (const lane of lanesOf(models)) {
    const plans = priced.map((model) => inLane(model, lane));
    const most = sumOf(plans, (plan) => plan?.mostMicroUsd ?? 0);
    const least = sumOf(plans, (plan) => plan?.leastMicroUsd ?? 0);
    table.push([lane, `${formatUsd(least)} - ${formatUsd(most)}`, saved(most), lastOf(plans)]);
  }
  const chosen = priced.map(({ auto }) => auto);
  const expected = sumOf(chosen, (auto) => auto?.expectedMicroUsd ?? 0);
  const name =
    windowMs === null ? 'auto, no --window' : `auto, --window ${writeCompletionWindow(windowMs)}`;
  table.push([name, `likely ${formatUsd(expected)}`, saved(expected), lastOf(chosen)]);
  return priced.length === 0 ? '' : table.toString();
}

function lastOf(plans: readonly (LanePlan | null)[]): string {
  const durations = plans.map((plan) => plan?.durationMs ?? null);
  return durations.some((ms) => ms === null)
    ? 'learnt when it runs'
    : formatDuration(Math.max(0, ...durations.map((ms) => ms ?? 0)));
}

/** A model that lacks the lane is answered live. */
function inLane({ lanes }: ModelPlan, wanted: Lane): LanePlan | null {
  return lanes.find(({ lane }) => lane === wanted) ?? lanes[0] ?? null;
}

function sumOf<Item>(items: readonly Item[], read: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + read(item), 0);
}

function lanesOf(models: readonly ModelPlan[]): Lane[] {
  return [...new Set(models.flatMap(({ lanes }) => lanes.map(({ lane }) => lane)))];
}

/** What each cheaper lane saves on the models that offer it, unless as much is saved already. */
function savings(models: readonly ModelPlan[], windowMs: number | null): string[] {
  const isTaken = (lane: Lane): boolean =>
    windowMs !== null && models.every(({ auto }) => auto === null || auto.lane === lane);
  return lanesOf(models)
    .filter((lane) => lane !== 'live' && !isTaken(lane))
    .flatMap((lane) => {
      const offering = models.filter((model) => model.lanes.some((one) => one.lane === lane));
      const most = (wanted: Lane): number =>
        offering
          .flatMap((model) => model.lanes.filter((one) => one.lane === wanted))
          .reduce((sum, { mostMicroUsd }) => sum + mostMicroUsd, 0);
      const live = most('live');
      const saved = live - most(lane);
      const expected = sumOf(offering, ({ auto }) => auto?.expectedMicroUsd ?? 0);
      if (saved <= 0 || most(lane) >= expected) return [];
      return [`${lane} saves up to ${formatUsd(saved)} (${formatShare(saved / live)})${HOW[lane]}`];
    });
}

const HOW: Readonly<Record<Lane, string>> = {
  live: '',
  flex: ': give --lane flex, or --window 15m and more',
  native: ': give --window 24h, or --lane native',
};

function unpriced(models: readonly ModelPlan[]): string[] {
  const names = models.filter(({ lanes }) => lanes.length === 0).map(({ model }) => model);
  return names.length === 0
    ? []
    : [`The price of ${names.join(', ')} is not known; give it under models.${names[0]}.price.`];
}

function unbounded(models: readonly ModelPlan[]): string[] {
  const count = models.reduce((sum, { unboundedRequests }) => sum + unboundedRequests, 0);
  return count === 0
    ? []
    : [
        `${formatQuantity(count, 'request')} set no bound on the answer (max_tokens); an assumption stands for it.`,
      ];
}

function laneJson({ lane, leastMicroUsd, mostMicroUsd, durationMs }: LanePlan) {
  return {
    lane,
    least_micro_usd: leastMicroUsd,
    most_micro_usd: mostMicroUsd,
    duration_ms: durationMs,
  };
}

function planJson({ lines, models, rejected }: FilePlan, exitCode: number): object {
  return {
    exit_code: exitCode,
    lines,
    models: models.map((model) => ({
      model: model.model,
      provider: model.provider,
      requests: model.requests,
      input_tokens: model.inputTokens,
      max_output_tokens: model.maxOutputTokens,
      unbounded_requests: model.unboundedRequests,
      lanes: model.lanes.map(laneJson),
      auto: model.auto && {
        ...laneJson(model.auto),
        expected_micro_usd: model.auto.expectedMicroUsd,
        chance: model.auto.decision.chance,
        otherwise: model.auto.decision.otherwise,
        why: model.auto.decision.why,
        escalate_after_ms: model.auto.decision.escalateAtMs,
        meets_deadline: model.auto.decision.meetsDeadline,
      },
      binding: model.binding && {
        limit: model.binding.dimension,
        per_minute: model.binding.perMinute,
      },
      duration_ms: model.durationMs,
    })),
    rejected: {
      total: rejected.total,
      first: rejected.first.map(({ customId, ...line }) => ({ ...line, custom_id: customId })),
    },
  };
}
