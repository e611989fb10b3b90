/**
 * The whole AWS home in this process: the API's handler, the queues and their event sources, the
 * dispatch handler, and every adapter, over services that keep and count what the SDK sends.
 */

import type { SQSEvent } from 'aws-lambda';
import type { LambdaEvent } from 'hono/aws-lambda';
import { createApi } from '../../functions/api/app.ts';
import { authenticateByGateway } from '../../functions/api/authenticate.ts';
import { createHandler as createApiHandler } from '../../functions/api/handler.ts';
import { createHandler as createDispatchHandler } from '../../functions/dispatch/handler.ts';
import { loadModelCatalog } from '../../shared/adapters/catalog/model-catalog.ts';
import { DynamoDeliveryStore } from '../../shared/adapters/dynamodb/delivery-store.ts';
import { DynamoWebhookStore } from '../../shared/adapters/dynamodb/webhook-store.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { encodePrincipal } from '../../shared/contracts/principal-context.ts';
import { SCOPES } from '../../shared/domain/api-key.ts';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { CompletionProvider } from '../../shared/ports/completion-provider.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { createDispatchSlices } from '../../shared/usecases/dispatch-slices.ts';
import { sliceNotices } from '../../shared/usecases/submit/slice-notices.ts';
import { createManageWebhooks } from '../../shared/usecases/webhooks/manage-webhooks.ts';
import { openAwsHome } from '../../test/support/aws-home.ts';
import { EventSource } from '../../test/support/event-source.ts';
import { FakeAws } from '../../test/support/fake-aws/fake-aws.ts';
import { FunctionModel } from '../../test/support/function-model.ts';
import { lambdaContext } from '../../test/support/lambda-events.ts';
import { QueueModel } from '../../test/support/queue-model.ts';

export const TENANT = 'bench';
const TELEMETRY = { count: () => undefined, log: () => undefined };
/** As deployed. */
const TIMEOUT_MS = 300_000;
const WINDOW_MS = 5_000;
const BATCH_SIZE = 100;
const CONCURRENCY = 8;

export async function startInProcessHome(settings: ModelSettings, provider: CompletionProvider) {
  const ports = { clock: systemClock, random: systemRandom };
  const aws = new FakeAws();
  const queueNamed = (name: string) =>
    new QueueModel(
      { name, visibilityTimeoutMs: 6 * TIMEOUT_MS + WINDOW_MS },
      ports.clock,
      ports.random,
    );
  const bulk = queueNamed('bulk');
  const interactive = queueNamed('interactive');
  const home = openAwsHome({
    ...ports,
    clientOptions: aws.clientOptions,
    bulkQueueUrl: aws.queueUrl(bulk),
    interactiveQueueUrl: aws.queueUrl(interactive),
  });
  const models = new Map([[settings.name, settings]]);
  const ledger = home.openLedger();
  const catalog = await loadModelCatalog();
  const api = createApi({
    ...home,
    ...ledger,
    results: home.resultsOf('api'),
    models: {
      get: (name) => models.get(name),
      values: () => models.values(),
      dialectOf: () => 'openai',
      explainUnknown: (name) => `${name} is not configured`,
    },
    measure: createSizeRequest(catalog, 'quick'),
    prefixKey,
    telemetry: TELEMETRY,
    authenticate: authenticateByGateway,
    uploads: null,
    bell: { ring: async () => undefined },
    completions: { wait: async () => undefined },
    manageKeys: {
      create: () => Promise.reject(new Error('not needed')),
      list: async () => [],
      revoke: () => Promise.reject(new Error('not needed')),
    },
    manageWebhooks: createManageWebhooks({
      ...ports,
      webhooks: new DynamoWebhookStore(home.table),
      deliveries: new DynamoDeliveryStore(home.table, 30),
      targets: { check: async () => 'is not sent to in a bench' },
    }),
    receiveProviderWebhook: () => Promise.reject(new Error('not needed')),
    async wake(created) {
      await home.queue.announce(sliceNotices(created));
    },
    onCancelled: () => undefined,
    stops: async () => [],
  });
  const handleCall = createApiHandler(async () => api);

  const dispatch = new FunctionModel<SQSEvent>(
    {
      timeoutMs: TIMEOUT_MS,
      start: () => (event, context) => {
        const { work } = home.openLedger();
        const dispatchSlices = createDispatchSlices({
          ...home,
          ...{ work, slices: work, models, unusable: [], telemetry: TELEMETRY },
          providers: new Map([[settings.provider, provider]]),
        });
        const handle = createDispatchHandler(
          dispatchSlices,
          home.releasePoison,
          home.clock,
          TELEMETRY,
        );
        const { getRemainingTimeInMillis } = context;
        return handle(event, { ...lambdaContext(), getRemainingTimeInMillis });
      },
    },
    ports.clock,
  );
  const common = { maximumConcurrency: CONCURRENCY, reportsBatchItemFailures: true };
  const sources = [
    new EventSource(
      { ...common, batchSize: BATCH_SIZE, windowMs: WINDOW_MS },
      { queue: bulk, target: dispatch },
      ports,
    ),
    new EventSource(
      { ...common, batchSize: 10, windowMs: 0 },
      { queue: interactive, target: dispatch },
      ports,
    ),
  ];

  return {
    ...{ aws, ledger, dispatch, sources, queues: [bulk, interactive] },
    /** Begins to work off what was accepted. */
    work: () => sources.map((source) => source.run()),
    stop() {
      for (const source of sources) source.stop();
    },
    /** One call of API Gateway; returns the status. */
    async post(path: string, body: string, contentType: string): Promise<number> {
      const { statusCode } = await handleCall(gatewayEvent(path, body, contentType), GATEWAY);
      return statusCode;
    },
  };
}

const GATEWAY: Parameters<ReturnType<typeof createApiHandler>>[1] = {
  ...lambdaContext(),
  callbackWaitsForEmptyEventLoop: true,
};

/** What API Gateway hands over, with the caller as the authorizer told him. */
export function gatewayEvent(path: string, body: string, contentType: string): LambdaEvent {
  const authorizer = encodePrincipal({
    tenant: TENANT,
    scopes: SCOPES,
    monthlyBudgetMicroUsd: null,
  });
  const headers = { 'content-type': contentType, host: 'api.example' };
  return {
    version: '1.0',
    resource: '/{proxy+}',
    path,
    httpMethod: 'POST',
    headers,
    multiValueHeaders: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [value]]),
    ),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    stageVariables: null,
    body,
    isBase64Encoded: false,
    requestContext: { authorizer },
  } as unknown as LambdaEvent;
}
