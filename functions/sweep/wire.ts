import { AWS_COMMON, openQueues, openTable } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoDeliveryStore } from '../../shared/adapters/dynamodb/delivery-store.ts';
import { DynamoProviderHolds } from '../../shared/adapters/dynamodb/provider-holds.ts';
import { DynamoWebhookStore } from '../../shared/adapters/dynamodb/webhook-store.ts';
import { SqsRequestQueue } from '../../shared/adapters/sqs/request-queue.ts';
import { signWebhook } from '../../shared/adapters/webhooks/sign-webhook.ts';
import { HttpWebhookSender } from '../../shared/adapters/webhooks/webhook-sender.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { DEFAULT_TARGET_POLICY } from '../../shared/domain/webhooks/webhook-target.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openBell } from '../../shared/runtime/aws-bell.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { createSweep, type Sweep } from '../../shared/usecases/sweep.ts';
import {
  createDeliverWebhooks,
  type DeliverWebhooks,
} from '../../shared/usecases/webhooks/deliver-webhooks.ts';
import { sweepEnv } from './env.ts';

export function wireSweep(environment: Environment, telemetry: Telemetry): Sweep {
  const env = parseEnv(sweepEnv, environment);
  const storage = openAwsStorage({
    table: env[ENV.table],
    bucket: env[ENV.bucket],
    retentionDays: env[ENV.retentionDays],
  });
  const queue = new SqsRequestQueue({
    ...AWS_COMMON,
    client: openQueues(),
    interactiveQueueUrl: env[ENV.interactiveQueueUrl],
    bulkQueueUrl: env[ENV.bulkQueueUrl],
    onFailure: (error) => telemetry.log('warn', 'A queue did not take notices', { error }),
  });
  const { batches } = storage.openBatches();
  const bell = openBell(env[ENV.batchQueueUrl], telemetry);
  const holds = new DynamoProviderHolds(storage.table);
  return (options) => {
    const { work } = storage.openLedger();
    const { clock } = AWS_COMMON;
    return createSweep({ slices: work, work, queue, holds, batches, bell, clock, telemetry })(
      options,
    );
  };
}

export function wireDeliverWebhooks(
  environment: Environment,
  telemetry: Telemetry,
): DeliverWebhooks {
  const env = parseEnv(sweepEnv, environment);
  const table = openTable(env[ENV.table]);
  const { clock } = AWS_COMMON;
  return createDeliverWebhooks({
    ...AWS_COMMON,
    webhooks: new DynamoWebhookStore(table),
    deliveries: new DynamoDeliveryStore(table, env[ENV.retentionDays]),
    sender: new HttpWebhookSender({ policy: DEFAULT_TARGET_POLICY, clock }),
    sign: signWebhook,
    telemetry,
  });
}
