import { AWS_COMMON, openQueues } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoBudgetStore } from '../../shared/adapters/dynamodb/budget-store.ts';
import { DynamoCallStore } from '../../shared/adapters/dynamodb/call-store.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { DynamoNativeJobStore } from '../../shared/adapters/dynamodb/native-job-store.ts';
import { DynamoTurnaroundStore } from '../../shared/adapters/dynamodb/turnaround-store.ts';
import { openParameters } from '../../shared/adapters/secrets/open-stored-values.ts';
import { SqsRequestQueue } from '../../shared/adapters/sqs/request-queue.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { NATIVE_HAND_OVER_MS, NATIVE_TICK_MS } from '../../shared/contracts/limits.ts';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import type { RequestSpec } from '../../shared/domain/requests/request.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { createStoredConfig } from '../../shared/runtime/stored-config.ts';
import {
  type AdvanceBatch,
  createAdvanceBatch,
} from '../../shared/usecases/batches/advance-batch.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createNativeRoom } from '../../shared/usecases/native/planned-tick.ts';
import { createPlanner } from '../../shared/usecases/planning/planner.ts';
import { sliceNotices } from '../../shared/usecases/submit/slice-notices.ts';
import { createSubmitRequests } from '../../shared/usecases/submit-requests.ts';
import { CompletionTeller } from '../../shared/usecases/webhooks/tell-completions.ts';
import { validateBatchEnv } from './env.ts';

/** Moves batches on over a deployment's stores, with its configuration as it stands. */
export function wireAdvanceBatch(environment: Environment, telemetry: Telemetry): AdvanceBatch {
  const env = parseEnv(validateBatchEnv, environment);
  const { clock, random } = AWS_COMMON;
  const retentionDays = env[ENV.retentionDays];
  const storage = openAwsStorage({ table: env[ENV.table], bucket: env[ENV.bucket], retentionDays });
  const { table } = storage;
  const queue = new SqsRequestQueue({
    ...AWS_COMMON,
    client: openQueues(),
    interactiveQueueUrl: env[ENV.interactiveQueueUrl],
    bulkQueueUrl: env[ENV.bulkQueueUrl],
    onFailure: (error) => telemetry.log('warn', 'A queue did not take notices', { error }),
  });
  const readParameter = openParameters();
  const source = env[ENV.configParameter];
  const loadDeployment = createStoredConfig({
    readText: () => readParameter(source),
    source,
    environment,
    clock,
    telemetry,
  });
  const teller = new CompletionTeller(storage.completions, telemetry);
  const capacity = new DynamoCapacityStore(table, new ModelsSeen(table));
  const turnarounds = new DynamoTurnaroundStore(table);
  const jobs = new DynamoNativeJobStore(table, retentionDays);
  const ports = {
    ...storage.openLedger(),
    ...storage.openBatches(),
    payloads: storage.payloads,
    // What is cancelled or expires is a result too.
    results: storage.resultsOf(random.id('batches_')),
    budgets: new DynamoBudgetStore(table, () => clock.nowMs()),
    calls: new DynamoCallStore(table, () => clock.nowMs(), retentionDays),
    prefixKey,
    clock,
    random,
    async wake(created: readonly RequestSpec[]) {
      const unsent = await queue.announce(sliceNotices(created));
      if (unsent.length > 0) telemetry.log('warn', 'Not announced', { slices: unsent.length });
    },
    completions: storage.completions,
    // The worker that holds a request learns of its end with its next heartbeat.
    async onEnded(results: readonly PublishedResult[]) {
      teller.published(results);
      await teller.settle();
    },
  };
  return async (ref, options) => {
    const { config, models } = await loadDeployment();
    const queueTokensOf = (model: string) => config.models.get(model)?.batchQueueTokens ?? null;
    const planner = createPlanner({
      ...ports,
      capacity,
      turnarounds,
      models,
      tickMs: NATIVE_TICK_MS,
      handOverMs: NATIVE_HAND_OVER_MS,
      hasNativeRoom: createNativeRoom({ jobs, queueTokensOf }),
    });
    const measure = createSizeRequest(models.catalog, 'quick');
    const own = { ...ports, models, planner, measure };
    const submitRequests = createSubmitRequests(own);
    return createAdvanceBatch({ ...own, submitRequests })(ref, options);
  };
}
