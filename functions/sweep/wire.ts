import { AWS_COMMON, openQueues } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoProviderHolds } from '../../shared/adapters/dynamodb/provider-holds.ts';
import { SqsRequestQueue } from '../../shared/adapters/sqs/request-queue.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openBell } from '../../shared/runtime/aws-bell.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { createSweep, type Sweep } from '../../shared/usecases/sweep.ts';
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
