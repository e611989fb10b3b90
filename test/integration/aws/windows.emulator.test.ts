/**
 * The deployed handlers behind the models of SQS and the event source, over DynamoDB and S3 of the
 * emulator: what `test/unit/functions/dispatch/windows.test.ts` shows in virtual time, on a real wire.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSEvent } from 'aws-lambda';
import { expect, it } from 'vitest';
import { createHandler } from '../../../functions/dispatch/handler.ts';
import { systemClock } from '../../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { encodeNotice } from '../../../shared/contracts/queue-message.ts';
import { NO_USAGE } from '../../../shared/domain/cost/usage.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { CompletionProvider } from '../../../shared/ports/completion-provider.ts';
import type { RequestQueue } from '../../../shared/ports/request-queue.ts';
import { createDispatchSlices } from '../../../shared/usecases/dispatch-slices.ts';
import { createSweep } from '../../../shared/usecases/sweep.ts';
import { openAwsHome } from '../../support/aws-home.ts';
import { createBucket, createTable } from '../../support/aws-resources.ts';
import { fullContext, submission, submitThrough, TENANT } from '../../support/aws-world.ts';
import { EventSource } from '../../support/event-source.ts';
import { FunctionModel } from '../../support/function-model.ts';
import { Life } from '../../support/mortal.ts';
import { QueueModel } from '../../support/queue-model.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { modelSettings, SILENT } from '../../support/virtual-run.ts';

const MINUTE = 60_000;
const REQUESTS = 600;
const KILLED_AT_CALL = 150;
/** Enough for one look. */
const SWEEP_MS = 5_000;

it('loses nothing and publishes nothing twice: duplicates, disorder, and a kill in the midst of a window', async () => {
  const clock = new ShiftedClock();
  const random = createSeededRandom(11);
  const [tableName, bucketName] = await Promise.all([createTable(), createBucket()]);
  const bulk = new QueueModel(
    { name: 'bulk', visibilityTimeoutMs: 31 * MINUTE, duplicated: 0.4, reorders: true },
    clock,
    random,
  );
  const queue: RequestQueue = {
    async announce(notices) {
      for (const notice of notices) bulk.send([encodeNotice(notice)]);
      return [];
    },
  };
  const settings = modelSettings({ perMinute: {}, concurrency: 16 });
  const models = new Map([['m', settings]]);
  const served = new Map<string, number>();
  const openFor = (life: Life) =>
    openAwsHome({
      ...{ tableName, bucketName, clientOptions: {}, random: systemRandom },
      ...{ bulkQueueUrl: 'none', interactiveQueueUrl: 'none' },
      clock: { nowMs: () => clock.nowMs(), sleep: life.guard(clock).sleep },
      guard: (client) => life.guard(client),
    });
  const dispatch = new FunctionModel<SQSEvent>(
    {
      timeoutMs: 5 * MINUTE,
      start(life) {
        const home = openFor(life);
        const providers = new Map([['virtual', life.guard(countingProvider(served))]]);
        return (event, context) => {
          const { work } = home.openLedger();
          const dispatchSlices = createDispatchSlices({
            ...home,
            ...{ work, slices: work, providers, models, unusable: [], telemetry: SILENT },
          });
          const handle = createHandler(dispatchSlices, home.releasePoison, home.clock, SILENT);
          return handle(event, fullContext(context));
        };
      },
      onInvoke: (life, invocation) => {
        if (invocation === 1) life.endAtCall(KILLED_AT_CALL);
      },
    },
    clock,
  );
  const source = new EventSource(
    {
      ...{ batchSize: 100, windowMs: 1_000, maximumConcurrency: 2, pollers: 2 },
      reportsBatchItemFailures: true,
    },
    { queue: bulk, target: dispatch },
    { clock, random },
  );
  const home = openFor(new Life());
  const ledger = home.openLedger();
  const submit = submitThrough(home, ledger, models, queue);
  const accepted = await submit(
    { tenant: TENANT, monthlyBudgetMicroUsd: null },
    Array.from({ length: REQUESTS }, () => submission('m')),
  );
  expect(accepted.every(({ kind }) => kind === 'accepted')).toBe(true);

  const running = source.run();
  while (dispatch.outcomes.killed === 0) await sleep(20);
  // The dead function's lease runs out, and the sweeper looks.
  clock.shift(4 * MINUTE);
  const work = home.openLedger().work;
  const bell = { ring: async () => undefined };
  const sweep = createSweep({ ...home, queue, work, slices: work, bell, telemetry: SILENT });
  await waitUntil(async () => {
    await sweep({ deadlineMs: clock.nowMs() + SWEEP_MS });
    const { succeeded } = await ledger.requests.counts(TENANT);
    return succeeded === REQUESTS;
  });
  source.stop();
  await running;

  expect(await ledger.requests.counts(TENANT)).toEqual({
    ...{ succeeded: REQUESTS, failed: 0, cancelled: 0, expired: 0, queued: 0, running: 0 },
  });
  expect(served.size).toBe(REQUESTS);
  const again = [...served.values()].filter((times) => times > 1).length;
  // Only what was in flight at the kill, or answered in the second before and not yet durable.
  expect(again).toBeLessThanOrEqual(KILLED_AT_CALL);
  expect(Math.max(...served.values())).toBeLessThanOrEqual(2);
});

/** The system's clock, and what was added to it: leases run out without anybody waiting. */
class ShiftedClock implements Clock {
  private addedMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.addedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  shift(ms: number): void {
    this.addedMs += ms;
  }
}

function countingProvider(served: Map<string, number>): CompletionProvider {
  return {
    name: 'virtual',
    async call({ requestId }) {
      served.set(requestId, (served.get(requestId) ?? 0) + 1);
      await sleep(5);
      return {
        ...{ kind: 'answered', statusCode: 200, requestId, finishReason: 'stop' },
        bodyJson: JSON.stringify({ id: requestId }),
        usage: NO_USAGE,
        signals: { windows: {} },
      };
    },
    probe: () => Promise.reject(new Error('not needed')),
    close: async () => undefined,
  };
}

async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(1_000);
}
