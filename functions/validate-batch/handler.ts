import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { decodeBatchMessage } from '../../shared/contracts/batch-message.ts';
import { METRICS } from '../../shared/contracts/metric-names.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { AdvanceBatch } from '../../shared/usecases/batches/advance-batch.ts';

/** Kept back from the Lambda deadline to finish a chunk and keep its checkpoint. Unit: ms. */
const RESERVE_MS = 30_000;

/**
 * Adapts one SQS event to the use case. Every ring is acknowledged, also that of a batch in trouble:
 * the sweeper rings again each minute for whatever has not ended. A body that does not parse is
 * reported as failed, and goes to the dead-letter queue.
 */
export function createHandler(advanceBatch: AdvanceBatch, clock: Clock, telemetry: Telemetry) {
  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadlineMs = clock.nowMs() + context.getRemainingTimeInMillis() - RESERVE_MS;
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { body, messageId } of event.Records) {
      const ref = decodeBatchMessage(body);
      if (ref === null) {
        telemetry.count(METRICS.poisonMessage, 1);
        telemetry.log('error', 'Poison message', { messageId, bytes: Buffer.byteLength(body) });
        batchItemFailures.push({ itemIdentifier: messageId });
        continue;
      }
      try {
        const outcome = await advanceBatch(ref, { deadlineMs });
        telemetry.log('info', 'Moved a batch on', { batch: ref.id, outcome });
      } catch (error) {
        const cause = error instanceof Error ? error.stack : String(error);
        telemetry.log('error', 'A batch could not be moved on', { batch: ref.id, cause });
      }
    }
    return { batchItemFailures };
  };
}
