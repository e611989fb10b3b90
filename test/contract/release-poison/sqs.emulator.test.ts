import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { AWS_CLIENT_OPTIONS } from '../../../shared/adapters/aws/client-options.ts';
import { createReleasePoison } from '../../../shared/adapters/sqs/release-poison.ts';
import { createQueue } from '../../support/aws-resources.ts';

const ARN = 'arn:aws:sqs:us-east-1:000000000000:';

it('has a message delivered again at once, and tells of one it cannot release', async () => {
  const client = new SQSClient(AWS_CLIENT_OPTIONS);
  const url = await createQueue(client);
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const release = createReleasePoison({ client, queueUrls: [url], onFailure });
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'poison' }));
  const receive = async () => {
    const command = new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 600 });
    return (await client.send(command)).Messages ?? [];
  };
  const [message] = await receive();
  expect(await receive()).toEqual([]);
  const receiptHandle = message?.ReceiptHandle ?? '';
  const queueArn = `${ARN}${url.slice(url.lastIndexOf('/') + 1)}`;
  await release([
    { queueArn, receiptHandle },
    { queueArn: `${ARN}foreign`, receiptHandle },
  ]);
  expect(await receive()).toMatchObject([{ Body: 'poison' }]);
  expect(failures).toHaveLength(1);
});
