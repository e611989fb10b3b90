import { ChangeMessageVisibilityCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { ReleasePoison } from '../../ports/dead-letters.ts';

export interface ReleasePoisonOptions {
  readonly client: SQSClient;
  /** Queues whose messages may be released. */
  readonly queueUrls: readonly string[];
  readonly onFailure: (error: unknown) => void;
}

/** Makes messages visible at once. One that is not released is seen again all the same, later. */
export function createReleasePoison(options: ReleasePoisonOptions): ReleasePoison {
  const { client, queueUrls, onFailure } = options;
  const urlOf = new Map(queueUrls.map((url) => [lastPart(url, '/'), url]));
  return async (messages) => {
    const released = messages.map(async ({ queueArn, receiptHandle: ReceiptHandle }) => {
      const QueueUrl = urlOf.get(lastPart(queueArn, ':'));
      if (QueueUrl === undefined) throw new Error(`No queue of ours has the name in ${queueArn}`);
      const command = { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 };
      await client.send(new ChangeMessageVisibilityCommand(command));
    });
    for (const outcome of await Promise.allSettled(released)) {
      if (outcome.status === 'rejected') onFailure(outcome.reason);
    }
  };
}

/** The name of a queue ends both its URL and its ARN. */
function lastPart(text: string, separator: string): string {
  return text.slice(text.lastIndexOf(separator) + 1);
}
