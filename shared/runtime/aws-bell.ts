import { AWS_COMMON, openQueues } from '../adapters/aws/open-clients.ts';
import { SqsBatchBell } from '../adapters/sqs/batch-bell.ts';
import type { BatchBell } from '../ports/batch-bell.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Rings for batches through their queue. Connects with the first call. */
export function openBell(queueUrl: string, telemetry: Telemetry): BatchBell {
  return new SqsBatchBell({
    client: openQueues(),
    callAws: AWS_COMMON.callAws,
    queueUrl,
    onFailure: (error) =>
      telemetry.log('warn', 'The queue of batches did not take a ring', { error }),
  });
}
