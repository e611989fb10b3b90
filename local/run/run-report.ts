import type { ProviderStop } from '../../shared/domain/capacity/provider-stop.ts';
import type { StatusCounts, UsageRow } from '../../shared/ports/request-store.ts';
import type { DispatchProgress } from '../../shared/usecases/dispatch-progress.ts';
import type { DispatchReport } from '../../shared/usecases/dispatcher.ts';
import { type Engine, LOCAL_TENANT } from '../engine.ts';
import type { InputRecord } from '../state/run-records.ts';
import { digestFailures, type FailureGroup } from './failure-digest.ts';
import type { LatencyHistogram } from './latency-histogram.ts';

/** What a run came to. Counts and money are of the whole input, whatever run they come from. */
export interface RunReport {
  readonly reason: DispatchReport['reason'];
  /** Lines of the input. */
  readonly total: number;
  readonly answered: number;
  /** Rows with an error, lines passed over among them. */
  readonly failed: number;
  /** Neither: what the next run goes on with. */
  readonly left: number;
  /** Already ended when this run began. */
  readonly doneBefore: number;
  readonly failures: readonly FailureGroup[];
  readonly stops: readonly ProviderStop[];
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly costMicroUsd: number;
  /** By priming the cache of batches; the cost is what it is with that. Negative where it did not pay. */
  readonly savedMicroUsd: number;
  /** Of this run alone. */
  readonly spentMicroUsd: number;
  /** Models whose price is not known; their answers count as free. */
  readonly unpricedModels: readonly string[];
  /** Answers of this run whose provider did not say what they used; they count as free. */
  readonly unmetered: number;
  readonly wallMs: number;
  /** Refusals by rate limits, in this run. */
  readonly throttled: number;
  readonly retried: number;
  /** From first call to answer, in this run; `null` when it answered nothing. */
  readonly latencyMs: { readonly p50: number; readonly p95: number } | null;
}

/** Where the whole input stands. */
export interface Standing {
  readonly counts: StatusCounts;
  readonly usage: readonly UsageRow[];
}

export async function readStanding(engine: Engine, batchId: string): Promise<Standing> {
  const usage = await engine.requests.usage({ tenant: LOCAL_TENANT, groupBy: ['model', 'batch'] });
  return {
    counts: await engine.requests.counts(LOCAL_TENANT, batchId),
    usage: usage.filter(({ batch }) => batch === batchId),
  };
}

/** Requests that have ended, however. */
export function endedCount({ succeeded, failed, cancelled, expired }: StatusCounts): number {
  return succeeded + failed + cancelled + expired;
}

export function costOf({ usage }: Standing): number {
  return sum(usage, ({ costMicroUsd }) => costMicroUsd);
}

export interface ReportParts {
  readonly engine: Engine;
  readonly input: InputRecord;
  readonly before: Standing;
  readonly dispatch: DispatchReport;
  readonly progress: DispatchProgress;
  readonly latencies: LatencyHistogram;
  readonly wallMs: number;
}

export async function writeReport(parts: ReportParts): Promise<RunReport> {
  const { engine, input, before, dispatch, progress, latencies, wallMs } = parts;
  const now = await readStanding(engine, input.batchId);
  const { counts, usage } = now;
  const p50 = latencies.percentile(0.5);
  const p95 = latencies.percentile(0.95);
  return {
    reason: dispatch.reason,
    total: input.lines,
    answered: counts.succeeded,
    failed: endedCount(counts) - counts.succeeded + input.rejected,
    left: counts.queued + counts.running,
    doneBefore: endedCount(before.counts),
    failures: await digestFailures(engine, input),
    stops: dispatch.stops,
    inputTokens: sum(usage, (row) => row.inputTokens),
    cachedInputTokens: sum(usage, (row) => row.cachedInputTokens),
    outputTokens: sum(usage, (row) => row.outputTokens),
    costMicroUsd: costOf(now),
    savedMicroUsd: await engine.nativeJobs.savedMicroUsd(),
    spentMicroUsd: costOf(now) - costOf(before),
    unpricedModels: usage.flatMap(({ model }) =>
      model !== null && engine.models.get(model)?.price === null ? [model] : [],
    ),
    unmetered: progress.unmetered,
    wallMs,
    throttled: progress.throttled,
    retried: progress.retried,
    latencyMs: p50 === null || p95 === null ? null : { p50, p95 },
  };
}

function sum(rows: readonly UsageRow[], read: (row: UsageRow) => number): number {
  return rows.reduce((total, row) => total + read(row), 0);
}
