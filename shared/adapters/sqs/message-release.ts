import { ChangeMessageVisibilityCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { MessageRelease } from '../../ports/message-release.ts';

/** Its client knows the address of the service; of a queue's URL only the path counts. */
export class SqsMessageRelease implements MessageRelease {
  readonly #client: SQSClient;
  readonly #onFailure: (error: unknown) => void;

  constructor(client: SQSClient, onFailure: (error: unknown) => void) {
    this.#client = client;
    this.#onFailure = onFailure;
  }

  async release({ queueArn, receipt }: Parameters<MessageRelease['release']>[0]): Promise<void> {
    const [, , , region = '', account = '', queue = ''] = queueArn.split(':');
    const change = new ChangeMessageVisibilityCommand({
      QueueUrl: `https://sqs.${region}.amazonaws.com/${account}/${queue}`,
      ReceiptHandle: receipt,
      VisibilityTimeout: 0,
    });
    await this.#client.send(change).catch(this.#onFailure);
  }
}
