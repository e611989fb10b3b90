/** What a person wants to know while a run goes on, worked out from plain counters. */

import { duration } from '../../shared/domain/lanes/duration-words.ts';
import type { DispatchProgress, JobProgress } from '../../shared/usecases/dispatch-progress.ts';
import { formatCount } from '../format.ts';
import { RateWindow } from './rate-window.ts';

export interface ProgressSnapshot {
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly inFlight: number;
  readonly perSecond: number;
  /** `null` while nothing has been answered yet. */
  readonly etaMs: number | null;
  readonly costMicroUsd: number;
  /** What the whole file will have cost, at the cost of the requests so far; `null` when unknown. */
  readonly projectedMicroUsd: number | null;
  /** `null` where it is not known. */
  readonly throttled: number | null;
  readonly retried: number;
  /** The limit most used now, e.g. `requests 98 %`. */
  readonly limit: { readonly name: string; readonly used: number } | null;
  /** How batches stand, in a few words; `null` when there are none. */
  readonly batches: string | null;
  /** Why nothing is moving, when something holds it up. */
  readonly waitingFor: string | null;
}

export interface RunCounters {
  readonly total: number;
  /** Ended before this process began. */
  readonly doneBefore: number;
  readonly failedBefore: number;
  readonly costBeforeMicroUsd: number;
}

/** Remembers enough of the recent past to tell a rate. */
export class ProgressMeter {
  readonly #counters: RunCounters;
  readonly #rate = new RateWindow();

  constructor(counters: RunCounters) {
    this.#counters = counters;
  }

  read(progress: DispatchProgress, nowMs: number): ProgressSnapshot {
    const { total, doneBefore, failedBefore, costBeforeMicroUsd } = this.#counters;
    const ended = progress.succeeded + progress.failed;
    const done = doneBefore + ended;
    const perSecond = this.#rate.read(ended, nowMs);
    const costMicroUsd = costBeforeMicroUsd + progress.costMicroUsd;
    return {
      done,
      total,
      failed: failedBefore + progress.failed,
      inFlight: progress.inFlight,
      perSecond,
      etaMs: perSecond > 0 ? ((total - done) / perSecond) * 1_000 : null,
      costMicroUsd,
      projectedMicroUsd: done > 0 ? Math.round((costMicroUsd / done) * total) : null,
      throttled: progress.throttled,
      retried: progress.retried,
      limit: mostUsedLimit(progress),
      batches: batches(progress, nowMs),
      waitingFor: waitingFor(progress, nowMs),
    };
  }
}

/** `2 native batches: 1 in_progress 1,200/5,000, 1 uploading; the last in about 1 h 5 min`. */
function batches({ jobs = [] }: DispatchProgress, nowMs: number): string | null {
  if (jobs.length === 0) return null;
  const ends = jobs.flatMap(({ expectedEndAtMs }) => expectedEndAtMs ?? []);
  const last = ends.length > 1 ? '; the last in about ' : ', done in about ';
  const when =
    ends.length === 0 ? '' : `${last}${duration(Math.max(0, Math.max(...ends) - nowMs))}`;
  const groups = Map.groupBy(jobs, phaseWord);
  const parts = [...groups].map(([word, members]) => {
    const sum = (read: (job: JobProgress) => number): number =>
      members.reduce((total, job) => total + read(job), 0);
    const done = sum((job) => (job.phase === 'ended' ? job.taken : job.done));
    const share = done === 0 ? '' : ` ${formatCount(done)}/${formatCount(sum(({ rows }) => rows))}`;
    return `${members.length} ${word}${share}`;
  });
  const [word] = parts;
  if (jobs.length === 1) return `native batch ${word?.replace(/^1 /, '')}${when}`;
  return `${jobs.length} native batches: ${parts.join(', ')}${when}`;
}

function phaseWord({ phase, rawStatus, note }: JobProgress): string {
  if (phase === 'ready' && note !== null) return 'waiting';
  return phase === 'submitted' ? (rawStatus ?? PHASE_WORDS.submitted) : PHASE_WORDS[phase];
}

const PHASE_WORDS: Readonly<Record<JobProgress['phase'], string>> = {
  intent: 'gathered',
  ready: 'uploading',
  uploaded: 'uploaded',
  trying: 'being created',
  submitted: 'submitted',
  ended: 'being taken in',
  settled: 'settled',
  done: 'done',
};

function mostUsedLimit({ models }: DispatchProgress): ProgressSnapshot['limit'] {
  let most: ProgressSnapshot['limit'] = null;
  for (const { model, boundBy, limitUsed } of models) {
    if (boundBy === null || limitUsed === null || limitUsed <= (most?.used ?? -1)) continue;
    most = {
      name: models.length > 1 ? `${model} ${wordsOf(boundBy)}` : wordsOf(boundBy),
      // A full bucket lets more through for a while; to a person the limit is then fully used.
      used: Math.min(1, limitUsed),
    };
  }
  return most;
}

function waitingFor({ models, stops, jobs = [] }: DispatchProgress, nowMs: number): string | null {
  const [stop] = stops;
  if (stop !== undefined) return `${stop.provider} stopped: ${stop.message}`;
  for (const { provider, rows, concern } of jobs) {
    if (concern === null) continue;
    return `${provider}, whose batch of ${formatCount(rows)} ${concern}`;
  }
  const paused = models.filter(({ pausedUntilMs }) => pausedUntilMs > nowMs);
  const [first] = paused;
  if (first === undefined || paused.length < models.length) return null;
  const untilMs = Math.min(...paused.map(({ pausedUntilMs }) => pausedUntilMs));
  return `${first.provider} asked us to wait ${Math.ceil((untilMs - nowMs) / 1_000)} s`;
}

/** `inputTokens` as `input tokens`. */
function wordsOf(dimension: string): string {
  return dimension.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
