import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { MessageReturn } from '../../ports/dead-letters.ts';
import type { CallAws } from '../aws/call-aws.ts';

export interface SqsMessageReturnOptions {
  readonly client: SQSClient;
  readonly callAws: CallAws;
  readonly bulkQueueUrl: string;
}

/** Sends a message by hand: emulators have no `StartMessageMoveTask`, and it moves all or none. */
export class SqsMessageReturn implements MessageReturn {
  readonly #options: SqsMessageReturnOptions;

  constructor(options: SqsMessageReturnOptions) {
    this.#options = options;
  }

  async sendBack(body: string): Promise<void> {
    const { client, callAws, bulkQueueUrl } = this.#options;
    const send = new SendMessageCommand({ QueueUrl: bulkQueueUrl, MessageBody: body });
    await callAws('SQS', () => client.send(send));
  }
}
