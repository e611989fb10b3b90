import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { METRICS } from '../../shared/contracts/metric-names.ts';
import { decodeNotice } from '../../shared/contracts/queue-message.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { MessageRelease } from '../../shared/ports/message-release.ts';
import type { SliceNotice } from '../../shared/ports/request-queue.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { DispatchSlices } from '../../shared/usecases/dispatch-slices.ts';

/** Kept back from the Lambda deadline to publish answers and give up leases. Unit: ms. */
const SETTLEMENT_RESERVE_MS = 5_000;

export interface DispatchHandlerDeps {
  readonly dispatchSlices: DispatchSlices;
  readonly messages: MessageRelease;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/**
 * Adapts one SQS event to the use case: parse, call, map. A body that does not parse is a poison
 * message: it is reported as failed, so that SQS moves it to the DLQ. Every notice is acknowledged:
 * the ledger knows what is left of its slice, so that waiting burns no receive count.
 */
export function createHandler({ dispatchSlices, messages, clock, telemetry }: DispatchHandlerDeps) {
  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadlineMs = clock.nowMs() + context.getRemainingTimeInMillis() - SETTLEMENT_RESERVE_MS;
    const notices: SliceNotice[] = [];
    const poison: SQSRecord[] = [];
    for (const record of event.Records) {
      const notice = decodeNotice(record.body);
      if (notice === null) poison.push(record);
      else notices.push(notice);
    }
    if (notices.length > 0) {
      const report = await dispatchSlices(notices, { deadlineMs });
      telemetry.log('info', 'Dispatched', { notices: notices.length, ...report });
    }
    await Promise.all(poison.map(refuse));
    return {
      batchItemFailures: poison.map(({ messageId: itemIdentifier }) => ({ itemIdentifier })),
    };
  };

  async function refuse({ messageId, body, eventSourceARN, receiptHandle }: SQSRecord) {
    telemetry.count(METRICS.poisonMessage, 1);
    telemetry.log('error', 'Poison message', { messageId, bytes: Buffer.byteLength(body) });
    await messages.release({ queueArn: eventSourceARN, receipt: receiptHandle });
  }
}
