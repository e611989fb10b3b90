import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { encodeBatchMessage } from '../../contracts/batch-message.ts';
import type { BatchBell } from '../../ports/batch-bell.ts';
import type { BatchRef } from '../../ports/batch-store.ts';
import type { CallAws } from '../aws/call-aws.ts';

/** Most messages of one call. */
const BATCH_SIZE = 10;

export interface SqsBatchBellOptions {
  readonly client: SQSClient;
  readonly callAws: CallAws;
  readonly queueUrl: string;
  readonly onFailure: (error: string) => void;
}

/** Rings through the queue that starts validate-batch. What is not sent, the sweeper rings again. */
export class SqsBatchBell implements BatchBell {
  readonly #options: SqsBatchBellOptions;

  constructor(options: SqsBatchBellOptions) {
    this.#options = options;
  }

  async ring(batches: readonly BatchRef[]): Promise<void> {
    const { client, callAws, queueUrl, onFailure } = this.#options;
    for (let start = 0; start < batches.length; start += BATCH_SIZE) {
      const entries = batches.slice(start, start + BATCH_SIZE).map((batch, index) => ({
        Id: String(index),
        MessageBody: encodeBatchMessage(batch),
      }));
      const send = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries });
      try {
        await callAws('SQS', () => client.send(send));
      } catch (error) {
        onFailure(error instanceof Error ? error.message : String(error));
      }
    }
  }
}
