/** The tick of the native lane as the homes run it: the planner decides, and learns. */

import { isQueuedAtProvider } from '../../domain/native/native-job.ts';
import type { Planner } from '../planning/planner.ts';
import type { NativeDeps } from './native-deps.ts';
import { createReviewNativeJobs, lessonOf } from './review-native-jobs.ts';
import { createTickNative, type TickNative } from './tick-native.ts';
import { createWatchNativeJobs } from './watch-native-jobs.ts';

/** Chosen by the planner; the rest is the home's. */
export type PlannedDeps = Omit<NativeDeps, 'planRoute' | 'planAgain' | 'callsMs' | 'onSettled'>;

/**
 * Reviews the open jobs, moves what has time to spare out of long queues, ticks, and measures what
 * does not move.
 */
export function createPlannedTick(home: PlannedDeps, planner: Planner): TickNative {
  const deps: NativeDeps = {
    ...home,
    planRoute: planner.route,
    callsMs: planner.callsMs,
    planAgain: planner.route,
    async onSettled(job) {
      const lesson = lessonOf(job);
      if (lesson === null) return;
      await planner.learn(lesson).catch((error: unknown) => {
        home.telemetry.log('warn', 'Nothing was learnt of a batch', { job: job.id, error });
      });
    },
  };
  const tick = createTickNative(deps);
  const review = createReviewNativeJobs(deps, planner);
  const watch = createWatchNativeJobs(deps);
  /** A fault in what goes before must not keep batches from being looked at. */
  async function isDone(what: string, act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      home.telemetry.log('error', what, { error });
      return false;
    }
  }
  return async (terms) => {
    const isJudged = await isDone('Batch jobs could not be judged', () => review(terms.signal));
    const isRelieved = await isDone('Long queues could not be looked at', planner.relieve);
    const report = await tick(terms);
    if (!isJudged || !isRelieved) report.failed += 1;
    await watch(report);
    return report;
  };
}

/** Whether the provider's queue of batches takes more rows of a model. */
export function createNativeRoom({
  jobs,
  queueTokensOf,
}: Pick<NativeDeps, 'queueTokensOf'> & {
  readonly jobs: Pick<NativeDeps['jobs'], 'open'>;
}): (model: { readonly name: string }) => Promise<boolean> {
  return async ({ name }) => {
    const queueTokens = queueTokensOf(name);
    if (queueTokens === null) return true;
    const waiting = (await jobs.open()).filter(
      (job) => job.model === name && isQueuedAtProvider(job),
    );
    return waiting.reduce((sum, { inputTokens }) => sum + inputTokens, 0) < queueTokens;
  };
}
