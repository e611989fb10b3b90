/**
 * The deployed service in virtual time: the real handlers, use cases and adapters, over an AWS in
 * this process, behind models of the queues, the event sources and Lambda. Hours take seconds.
 */

import type { SQSEvent } from 'aws-lambda';
import { createHandler as createDispatchHandler } from '../../functions/dispatch/handler.ts';
import { createHandler as createDeadLetterHandler } from '../../functions/record-dead-letter/handler.ts';
import { createHandler as createSweepHandler } from '../../functions/sweep/handler.ts';
import type { DynamoLedger } from '../../shared/adapters/dynamodb/ledger/ledger.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import { PRIORITIES } from '../../shared/domain/requests/request.ts';
import type { RequestQueue, SliceNotice } from '../../shared/ports/request-queue.ts';
import { createDispatchSlices } from '../../shared/usecases/dispatch-slices.ts';
import { createRecordDeadLetters } from '../../shared/usecases/record-dead-letters.ts';
import {
  createSubmitRequests,
  type Submission,
  type SubmitRequests,
} from '../../shared/usecases/submit-requests.ts';
import { createSweep } from '../../shared/usecases/sweep.ts';
import { type AwsHome, openAwsHome } from './aws-home.ts';
import { EventSource, type EventSourceSettings } from './event-source.ts';
import { FakeAws } from './fake-aws/fake-aws.ts';
import { FakeClock } from './fake-clock.ts';
import { FunctionModel, type FunctionSettings, type InvocationContext } from './function-model.ts';
import { lambdaContext } from './lambda-events.ts';
import { Life } from './mortal.ts';
import { QueueModel, type QueueSettings } from './queue-model.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createVirtualProvider, type VirtualProviderOptions } from './virtual-provider.ts';
import { modelSettings, SILENT } from './virtual-run.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
export const TENANT = 'tenant';

export interface WorldSetUp {
  readonly seed?: number;
  readonly settings?: ModelSettings;
  readonly provider?: Partial<VirtualProviderOptions>;
  /** Of both queues. As deployed by default. */
  readonly queue?: Partial<QueueSettings>;
  /** Of the bulk queue. As deployed by default. */
  readonly source?: Partial<EventSourceSettings>;
  readonly dispatch?: Partial<FunctionSettings<SQSEvent>>;
}

/** As the stacks deploy it. */
const DISPATCH_TIMEOUT_MS = 5 * MINUTE;
const WINDOW_MS = 5 * SECOND;
const MAX_RECEIVES = 5;

/** Everything begins to run at once, in the time of its clock. */
export function startWorld(setUp: WorldSetUp = {}) {
  const clock = new FakeClock();
  const random = createSeededRandom(setUp.seed ?? 1);
  const aws = new FakeAws();
  /** Outcomes written over another. */
  const overwritten: string[] = [];
  aws.dynamo.onWrite = (before, after) => {
    const name = String(after['sk']?.['S']);
    if (before !== null && name.startsWith('O#')) overwritten.push(name);
  };
  const settings = setUp.settings ?? modelSettings({ perMinute: {} });
  const virtual = createVirtualProvider({ limits: {}, clock, ...setUp.provider });
  const models = new Map([[settings.name, settings]]);
  const timeoutMs = setUp.dispatch?.timeoutMs ?? DISPATCH_TIMEOUT_MS;

  const makeQueue = (name: string) => {
    const dead = new QueueModel(
      { name: `${name}-dead`, visibilityTimeoutMs: 6 * MINUTE, retentionMs: 14 * 24 * 60 * MINUTE },
      clock,
      random,
    );
    const queue = new QueueModel(
      {
        name,
        visibilityTimeoutMs: 6 * timeoutMs + WINDOW_MS,
        redrive: { target: dead, maxReceiveCount: MAX_RECEIVES },
        ...setUp.queue,
      },
      clock,
      random,
    );
    return { queue, dead };
  };
  const bulk = makeQueue('bulk');
  const interactive = makeQueue('interactive');
  const urls = {
    bulkQueueUrl: aws.queueUrl(bulk.queue),
    interactiveQueueUrl: aws.queueUrl(interactive.queue),
  };

  /** Calls to SQS, by who made them. A consumer of a queue must never send to it. */
  const callsOfSenders = { accept: 0, sweep: 0, dispatch: 0 };

  /** What a function made in `life` works with; nothing of it acts once the life is over. */
  const openFor = (life: Life, sender: keyof typeof callsOfSenders) => {
    const mortalClock = {
      nowMs: () => clock.nowMs(),
      sleep: life.guard(clock).sleep,
    };
    const { requestHandler } = aws.clientOptions;
    const counting: typeof requestHandler = {
      handle(request) {
        if (request.headers['x-amz-target']?.startsWith('AmazonSQS.Send'))
          callsOfSenders[sender] += 1;
        return requestHandler.handle(request);
      },
    };
    const clientOptions = { ...aws.clientOptions, requestHandler: life.guard(counting) };
    return openAwsHome({ ...urls, clientOptions, clock: mortalClock, random });
  };

  const dispatch = new FunctionModel<SQSEvent>(
    {
      timeoutMs,
      ...setUp.dispatch,
      start(life) {
        const home = openFor(life, 'dispatch');
        const provider = life.guard(virtual.provider);
        const providers = new Map([[settings.provider, { ...provider, call: provider.call }]]);
        return (event, context) => {
          const { work } = home.openLedger();
          const dispatchSlices = createDispatchSlices({
            ...home,
            ...{ work, slices: work, providers, models, unusable: [], telemetry: SILENT },
          });
          const ports = [home.releasePoison, home.clock, SILENT] as const;
          return createDispatchHandler(dispatchSlices, ...ports)(event, fullContext(context));
        };
      },
    },
    clock,
  );
  const sweep = new FunctionModel<unknown>(
    {
      timeoutMs: MINUTE,
      start(life) {
        const home = openFor(life, 'sweep');
        return (event, context) => {
          const { work } = home.openLedger();
          const run = createSweep({
            ...home,
            work,
            slices: work,
            telemetry: SILENT,
            batches: { open: async () => [] },
            bell: { ring: async () => undefined },
          });
          const deliverWebhooks = async () => ({ delivered: 0, retried: 0, failed: 0 });
          return createSweepHandler(
            { sweep: run, deliverWebhooks },
            home.clock,
            SILENT,
          )(event, fullContext(context));
        };
      },
    },
    clock,
  );
  const bury = new FunctionModel<SQSEvent>(
    {
      timeoutMs: MINUTE,
      start: (life) => {
        const { letters, clock: seen } = openFor(life, 'dispatch');
        const record = createRecordDeadLetters({ letters, telemetry: SILENT });
        return (event) => createDeadLetterHandler(record, seen)(event);
      },
    },
    clock,
  );

  const common = { maximumConcurrency: 8, reportsBatchItemFailures: true };
  const ports = { clock, random };
  const sources = {
    bulk: new EventSource(
      { ...common, batchSize: 100, windowMs: WINDOW_MS, ...setUp.source },
      { queue: bulk.queue, target: dispatch },
      ports,
    ),
    interactive: new EventSource(
      { ...common, batchSize: 10, windowMs: 0 },
      { queue: interactive.queue, target: dispatch },
      ports,
    ),
  };
  for (const { dead } of [bulk, interactive]) {
    const settingsOfDead = { ...common, batchSize: 10, windowMs: 0 };
    void new EventSource(settingsOfDead, { queue: dead, target: bury }, ports).run();
  }
  void sources.bulk.run();
  void sources.interactive.run();
  void tick();

  const home = openFor(new Life(), 'accept');
  const ledger = home.openLedger();
  const submitRequests = submitThrough(home, ledger, models, home.queue);

  /** The sweeper's rule of EventBridge. */
  async function tick(): Promise<void> {
    for (;;) {
      await clock.sleep(MINUTE);
      await sweep.invoke({});
    }
  }

  return {
    ...{ clock, aws, bulk, interactive, dispatch, sweep, bury, sources, books: virtual.books },
    ...{ virtual, home, ledger, submitRequests, callsOfSenders, overwritten },
    pass: (ms: number) => clock.runUntil(clock.sleep(ms)),
    /** Lets time pass until nothing is open, or for as long as is allowed. Returns how long it was. */
    async settle(mostMs: number, everyMs = 5 * SECOND): Promise<number> {
      const beganAtMs = clock.nowMs();
      while (clock.nowMs() - beganAtMs < mostMs) {
        await clock.runUntil(clock.sleep(everyMs));
        const { queued, running } = await clock.runUntil(ledger.requests.counts(TENANT));
        if (queued + running === 0) break;
      }
      return clock.nowMs() - beganAtMs;
    },
    /** Submits so many requests in one call, as a caller of the API would. */
    submit: (count: number, overrides: Partial<Submission> = {}) =>
      clock.runUntil(
        submitRequests(
          { tenant: TENANT, monthlyBudgetMicroUsd: null },
          Array.from({ length: count }, () => ({ ...submission(settings.name), ...overrides })),
        ),
      ),
  };
}

/** Acceptance as the API has it, but for HTTP. */
export function submitThrough(
  home: AwsHome,
  { requests }: DynamoLedger,
  models: ReadonlyMap<string, ModelSettings>,
  queue: RequestQueue,
): SubmitRequests {
  return createSubmitRequests({
    ...home,
    requests,
    models: {
      get: (name) => models.get(name),
      values: () => models.values(),
      dialectOf: () => 'openai',
      explainUnknown: (name) => `${name} is not configured`,
    },
    measure: async (_endpoint, _model, body) => ({
      kind: 'fits',
      inputTokens: Number(body['input']),
      maxOutputTokens: Number(body['max']),
    }),
    prefixKey: () => null,
    async wake(created) {
      const notices = new Map<string, SliceNotice>();
      for (const { tenant, id, slice, model, priority } of created) {
        const name = slice?.id ?? id;
        notices.set(name, { tenant, slice: name, model, priority });
      }
      await queue.announce([...notices.values()]);
    },
  });
}

export type World = ReturnType<typeof startWorld>;

export function submission(model: string): Submission {
  return {
    idempotencyKey: null,
    customId: null,
    model,
    endpoint: '/v1/chat/completions',
    body: { model, input: 1_000, output: 100, max: 200 },
    completionWindowMs: null,
    lane: null,
    priority: PRIORITIES.bulk,
    tags: [],
  };
}

export function fullContext({ awsRequestId, getRemainingTimeInMillis }: InvocationContext) {
  return { ...lambdaContext(), awsRequestId, getRemainingTimeInMillis };
}
