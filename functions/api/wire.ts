import { AWS_COMMON, openQueues } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoBudgetStore } from '../../shared/adapters/dynamodb/budget-store.ts';
import { DynamoCallStore } from '../../shared/adapters/dynamodb/call-store.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { DynamoDeadLetters } from '../../shared/adapters/dynamodb/dead-letters.ts';
import { DynamoKeyStore } from '../../shared/adapters/dynamodb/key-store.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { DynamoNativeJobStore } from '../../shared/adapters/dynamodb/native-job-store.ts';
import { DynamoProviderHolds } from '../../shared/adapters/dynamodb/provider-holds.ts';
import { DynamoProviderMessages } from '../../shared/adapters/dynamodb/provider-messages.ts';
import { DynamoTurnaroundStore } from '../../shared/adapters/dynamodb/turnaround-store.ts';
import { readProviderWebhook } from '../../shared/adapters/providers/native/provider-webhook.ts';
import { S3UploadStore } from '../../shared/adapters/s3/upload-store.ts';
import { openParameters, openSecrets } from '../../shared/adapters/secrets/open-stored-values.ts';
import { SqsMessageReturn } from '../../shared/adapters/sqs/message-return.ts';
import { SqsRequestQueue } from '../../shared/adapters/sqs/request-queue.ts';
import { createPollingSignal } from '../../shared/adapters/system/polling-signal.ts';
import { CheckedTargets } from '../../shared/adapters/webhooks/checked-targets.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import {
  GATEWAY_SYNC_WAIT_MS,
  MAX_GATEWAY_BODY_BYTES,
  MAX_GATEWAY_FILE_BYTES,
  NATIVE_HAND_OVER_MS,
  NATIVE_TICK_MS,
} from '../../shared/contracts/limits.ts';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import { DEFAULT_TARGET_POLICY } from '../../shared/domain/webhooks/webhook-target.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openBell } from '../../shared/runtime/aws-bell.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { createStoredConfig, type Deployment } from '../../shared/runtime/stored-config.ts';
import { createWebhookSecrets } from '../../shared/runtime/webhook-secrets.ts';
import { createManageKeys } from '../../shared/usecases/manage-keys.ts';
import { createNativePolling } from '../../shared/usecases/native/hurry-native-jobs.ts';
import { createNativeRoom } from '../../shared/usecases/native/planned-tick.ts';
import { createPlanner } from '../../shared/usecases/planning/planner.ts';
import { createRedrive } from '../../shared/usecases/redrive.ts';
import { sliceNotices } from '../../shared/usecases/submit/slice-notices.ts';
import { createManageWebhooks } from '../../shared/usecases/webhooks/manage-webhooks.ts';
import { createReceiveProviderWebhook } from '../../shared/usecases/webhooks/receive-provider-webhook.ts';
import { CompletionTeller } from '../../shared/usecases/webhooks/tell-completions.ts';
import { createApi } from './app.ts';
import { authenticateByGateway } from './authenticate.ts';
import { apiEnv } from './env.ts';

export type Api = ReturnType<typeof createApi>;

/** The API over a deployment's stores; made anew only when the configuration changes. */
export function wireApi(environment: Environment, telemetry: Telemetry): () => Promise<Api> {
  const env = parseEnv(apiEnv, environment);
  const { clock, random } = AWS_COMMON;
  const retentionDays = env[ENV.retentionDays];
  const storage = openAwsStorage({ table: env[ENV.table], bucket: env[ENV.bucket], retentionDays });
  const { table } = storage;
  const queues = { ...AWS_COMMON, client: openQueues(), bulkQueueUrl: env[ENV.bulkQueueUrl] };
  const queue = new SqsRequestQueue({
    ...queues,
    interactiveQueueUrl: env[ENV.interactiveQueueUrl],
    onFailure: (error) => telemetry.log('warn', 'A queue did not take notices', { error }),
  });
  const readParameter = openParameters();
  const readSecret = openSecrets();
  const source = env[ENV.configParameter];
  const readText = () => readParameter(source);
  const loadDeployment = createStoredConfig({ readText, source, environment, clock, telemetry });
  const holds = new DynamoProviderHolds(table);
  const { webhooks, deliveries } = storage;
  const teller = new CompletionTeller(storage.completions, telemetry);
  const messages = new DynamoProviderMessages(table);
  const ports = {
    ...storage.openLedger(),
    ...storage.openBatches(),
    bell: openBell(env[ENV.batchQueueUrl], telemetry),
    payloads: storage.payloads,
    // Cancellations are results too.
    results: storage.resultsOf(random.id('api_')),
    capacity: new DynamoCapacityStore(table, new ModelsSeen(table)),
    budgets: new DynamoBudgetStore(table, () => clock.nowMs()),
    calls: new DynamoCallStore(table, () => clock.nowMs(), retentionDays),
    uploads: new S3UploadStore({ objects: storage.objects, clock }),
    completions: createPollingSignal(clock),
    manageKeys: createManageKeys({
      keys: new DynamoKeyStore(table),
      clock,
      random,
      pepper: () => readSecret(env[ENV.pepperSecret]),
    }),
    manageWebhooks: createManageWebhooks({
      webhooks,
      deliveries,
      targets: new CheckedTargets({ policy: DEFAULT_TARGET_POLICY }),
      clock,
      random,
    }),
    redrive: createRedrive({
      letters: new DynamoDeadLetters(table, retentionDays),
      queue,
      messages: new SqsMessageReturn(queues),
    }),
    clock,
    random,
    telemetry,
  };
  const turnarounds = new DynamoTurnaroundStore(table);
  const jobs = new DynamoNativeJobStore(table, retentionDays);
  const createFor = ({ config, models }: Deployment): Api => {
    const queueTokensOf = (model: string) => config.models.get(model)?.batchQueueTokens ?? null;
    const hasNativeRoom = createNativeRoom({ jobs, queueTokensOf });
    const pace = { tickMs: NATIVE_TICK_MS, handOverMs: NATIVE_HAND_OVER_MS };
    return createApi({
      ...ports,
      models,
      planner: createPlanner({ ...ports, ...pace, turnarounds, models, hasNativeRoom }),
      measure: createSizeRequest(models.catalog, 'quick'),
      prefixKey,
      authenticate: authenticateByGateway,
      async wake(created) {
        const unsent = await queue.announce(sliceNotices(created));
        if (unsent.length > 0) telemetry.log('warn', 'Not announced', { slices: unsent.length });
      },
      receiveProviderWebhook: createReceiveProviderWebhook({
        messages,
        polling: createNativePolling(jobs, clock),
        readWebhook: readProviderWebhook,
        secretOf: createWebhookSecrets(config, readSecret),
        clock,
        telemetry,
      }),
      // The worker that holds the request learns of it with its next heartbeat.
      async onCancelled(result) {
        teller.published([result]);
        // Nothing goes on behind an answer of a function.
        await teller.settle();
      },
      stops: () => holds.list(),
      maxBodyBytes: MAX_GATEWAY_BODY_BYTES,
      maxFileBytes: MAX_GATEWAY_FILE_BYTES,
      maxMessageBatchBytes: MAX_GATEWAY_BODY_BYTES,
      mostFileLifeMs: retentionDays * 86_400_000,
      syncWaitMs: GATEWAY_SYNC_WAIT_MS,
    });
  };

  let current: { deployment: Deployment; api: Api } | null = null;
  return async () => {
    const deployment = await loadDeployment();
    if (current?.deployment !== deployment) current = { deployment, api: createFor(deployment) };
    return current.api;
  };
}
