import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { METRICS } from '../../shared/contracts/metric-names.ts';
import { decodeNotice } from '../../shared/contracts/queue-message.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ReleasePoison } from '../../shared/ports/dead-letters.ts';
import type { SliceNotice } from '../../shared/ports/request-queue.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { DispatchSlices } from '../../shared/usecases/dispatch-slices.ts';

/** Kept back from the Lambda deadline to publish answers and give up leases. Unit: ms. */
const SETTLEMENT_RESERVE_MS = 5_000;

/**
 * Adapts one SQS event to the use case: parse, call, map. A body that does not parse is a poison
 * message: it is reported as failed and released, so that SQS soon moves it to the DLQ. Every notice is
 * acknowledged: the ledger knows what is left of its slice, so that waiting burns no receive count.
 */
export function createHandler(
  dispatchSlices: DispatchSlices,
  releasePoison: ReleasePoison,
  clock: Clock,
  telemetry: Telemetry,
) {
  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadlineMs = clock.nowMs() + context.getRemainingTimeInMillis() - SETTLEMENT_RESERVE_MS;
    const notices: SliceNotice[] = [];
    const poison: SQSRecord[] = [];
    for (const record of event.Records) {
      const notice = decodeNotice(record.body);
      if (notice === null) poison.push(record);
      else notices.push(notice);
    }
    for (const { messageId, body } of poison) {
      telemetry.count(METRICS.poisonMessage, 1);
      telemetry.log('error', 'Poison message', { messageId, bytes: Buffer.byteLength(body) });
    }
    if (poison.length > 0) {
      await releasePoison(
        poison.map(({ eventSourceARN: queueArn, receiptHandle }) => ({ queueArn, receiptHandle })),
      );
    }
    if (notices.length > 0) {
      const report = await dispatchSlices(notices, { deadlineMs });
      telemetry.log('info', 'Dispatched', { notices: notices.length, ...report });
    }
    return {
      batchItemFailures: poison.map(({ messageId: itemIdentifier }) => ({ itemIdentifier })),
    };
  };
}
