import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DeadLetter } from '../../shared/ports/dead-letters.ts';
import type { RecordDeadLetters } from '../../shared/usecases/record-dead-letters.ts';

/** Adapts one event of a dead-letter queue to the use case. */
export function createHandler(recordDeadLetters: RecordDeadLetters, clock: Clock) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const nowMs = clock.nowMs();
    const failed = await recordDeadLetters(Records.map((record) => toLetter(record, nowMs)));
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

/** A dead-letter queue goes on counting receives, and keeps the instant of the first sending. */
function toLetter({ messageId, body, attributes }: SQSRecord, nowMs: number): DeadLetter {
  return {
    id: messageId,
    body,
    receives: Number(attributes.ApproximateReceiveCount),
    sentAtMs: Number(attributes.SentTimestamp),
    recordedAtMs: nowMs,
  };
}
