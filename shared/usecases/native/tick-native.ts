/**
 * One tick of the native lane: takes every job that is due as far as it will go now, then gathers
 * new ones. It may be repeated, run twice at once, and die anywhere.
 */

import { AppError } from '../../domain/errors.ts';
import type { NativeJob } from '../../domain/native/native-job.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import { adoptBatch } from './adopt-native-batch.ts';
import { buildNativeJobs } from './build-native-jobs.ts';
import { deleteFiles, isPastDeleting } from './delete-native-files.ts';
import { HeldJob } from './held-job.ts';
import { ingestResults } from './ingest-native-results.ts';
import { readManifest } from './manifest.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';
import { pollBatch } from './poll-native-job.ts';
import type { RowLedger } from './reconcile-rows.ts';
import { settleJob } from './settle-native-job.ts';
import { createBatch, holdRows, uploadRows } from './submit-native-job.ts';

/** Works until nothing is due, or until the deadline. Rejects only when jobs cannot be listed. */
export type TickNative = (terms: TickTerms) => Promise<TickReport>;

const JOBS_PER_LOOK = 20;
const JOBS_AT_ONCE = 4;
/** Of one job in one tick, so that a fault of ours cannot keep a tick busy. */
const MOST_LOOKS = 50;
/** A job whose look failed for a fault of ours. Unit: ms. */
const FAULT_MS = 60_000;

export function createTickNative(deps: NativeDeps): TickNative {
  const { jobs, clock } = deps;
  return async (terms) => {
    const report: TickReport = {
      built: 0,
      submitted: 0,
      polled: 0,
      ended: 0,
      settled: 0,
      failed: 0,
      stops: [],
    };
    const looks = new Map<string, number>();
    while (isTime(terms)) {
      const due = await jobs.due(clock.nowMs(), JOBS_PER_LOOK);
      const fresh = due.filter(({ id }) => (looks.get(id) ?? 0) < MOST_LOOKS);
      if (fresh.length === 0) {
        const built = await buildNativeJobs(deps, terms, report);
        report.built += built;
        if (built === 0) break;
        continue;
      }
      const queue = fresh.values();
      const lines = Array.from({ length: JOBS_AT_ONCE }, async () => {
        for (const job of queue) {
          if (!isTime(terms)) return;
          looks.set(job.id, (looks.get(job.id) ?? 0) + 1);
          await advance(job, terms, report);
        }
      });
      await Promise.all(lines);
    }
    return report;
  };

  function isTime({ deadlineMs, signal }: TickTerms): boolean {
    return clock.nowMs() < deadlineMs && !signal.aborted;
  }

  /** Takes the job as far as it goes now. */
  async function advance(job: NativeJob, terms: TickTerms, report: TickReport): Promise<void> {
    let held: HeldJob | null = null;
    try {
      held = await HeldJob.claim(deps, job);
      while (held !== null && !held.isResting && isTime(terms)) await step(held, terms, report);
      if (held !== null && !held.isResting) await held.rest(clock.nowMs());
    } catch (error) {
      if (error instanceof AppError && error.code === 'lease_lost') return;
      report.failed += 1;
      const { id, provider, phase } = held?.facts ?? job;
      deps.telemetry.log('error', 'A batch job could not be looked at', {
        job: id,
        provider,
        phase,
        error,
      });
      await held?.rest(clock.nowMs() + FAULT_MS).catch(() => undefined);
    }
  }

  async function step(held: HeldJob, terms: TickTerms, report: TickReport): Promise<void> {
    const { facts } = held;
    const provider = deps.providers.get(facts.provider);
    if (facts.phase === 'intent') {
      await holdRows(deps, held);
      return;
    }
    if (
      facts.cancelWantedAtMs !== null &&
      (facts.phase === 'ready' || facts.phase === 'uploaded')
    ) {
      await held.enter('ended', { end: 'refused', endedAtMs: clock.nowMs() });
      return;
    }
    if (facts.phase === 'ended' && facts.outputs.length === 0) {
      await settleJob(deps, held, await ledgerOf(facts), report);
      return;
    }
    if (provider === undefined) {
      await waitForProvider(held, report);
      return;
    }
    await stepWith(provider, held, terms, report);
  }

  /** For one that the configuration does not name any more, or whose key cannot be had. */
  async function waitForProvider(held: HeldJob, report: TickReport): Promise<void> {
    const { facts } = held;
    const { provider, rowCount } = facts;
    if (facts.phase === 'settled') {
      if (isPastDeleting(facts, clock.nowMs())) await held.restIn('done', clock.nowMs());
      else await held.rest(clock.nowMs() + FAULT_MS);
      return;
    }
    const isConfigured = deps.unusable?.has(provider) === true;
    const why = isConfigured ? 'its key cannot be had' : 'the configuration no longer names it';
    const message = `A batch of ${rowCount} requests was built for ${provider}, and ${why}`;
    const code = isConfigured ? 'provider_auth_failed' : 'unknown_model';
    report.stops.push({ provider, code, message });
    await held.rest(clock.nowMs() + FAULT_MS, { note: message });
  }

  async function stepWith(
    provider: NativeBatchProvider,
    held: HeldJob,
    terms: TickTerms,
    report: TickReport,
  ): Promise<void> {
    switch (held.facts.phase) {
      case 'ready':
        return uploadRows(deps, held, provider, terms, report);
      case 'uploaded':
        return createBatch(deps, held, provider, terms, report);
      case 'trying':
        return adoptBatch(deps, held, provider, terms, report);
      case 'submitted':
        return pollBatch(deps, held, provider, terms, report);
      case 'ended': {
        const ledger = await ledgerOf(held.facts);
        if (await ingestResults(deps, held, provider, ledger, terms, report)) {
          await settleJob(deps, held, ledger, report);
        }
        return;
      }
      case 'settled':
        return deleteFiles(deps, held, provider, terms);
      case 'intent':
      case 'done':
        return held.rest(clock.nowMs());
    }
  }

  async function ledgerOf(job: NativeJob): Promise<RowLedger> {
    const rows = await readManifest(deps.payloads, job.manifest);
    const { provider, price = null } = deps.models.get(job.model) ?? { provider: job.provider };
    const settings = { provider, price };
    return { job, settings, rows, met: new Uint8Array(rows.length), nowMs: clock.nowMs() };
  }
}
