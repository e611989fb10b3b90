/** The functions as Lambda runs them, over resources of their own on the emulator. */

import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import type { LambdaEvent } from 'hono/aws-lambda';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { createBucket, createQueue, createTable } from './aws-resources.ts';
import { authorizerEvent, lambdaContext, sqsEvent } from './lambda-events.ts';

export const ADMIN_KEY = 'the-first-administrator';

export interface CallOptions {
  readonly method?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Sets the environment, then loads the functions. Once for each test file: they are modules. */
export async function deployFunctions(config: string) {
  const ssm = new SSMClient();
  const secrets = new SecretsManagerClient();
  const sqs = new SQSClient();
  const name = systemRandom.id('penstock-');
  const secretOf = async (suffix: string, value: string): Promise<string> => {
    const command = new CreateSecretCommand({ Name: `${name}-${suffix}`, SecretString: value });
    return (await secrets.send(command)).ARN ?? '';
  };
  const putConfig = (text: string) =>
    ssm.send(new PutParameterCommand({ Name: name, Value: text, Type: 'String', Overwrite: true }));
  await putConfig(config);
  const bulkQueueUrl = await createQueue();
  const interactiveQueueUrl = await createQueue();
  const batchQueueUrl = await createQueue();
  Object.assign(process.env, {
    [ENV.table]: await createTable(),
    [ENV.bucket]: await createBucket(),
    [ENV.configParameter]: name,
    [ENV.pepperSecret]: await secretOf('pepper', 'a pepper'),
    [ENV.adminKeySecret]: await secretOf('admin', ADMIN_KEY),
    [ENV.interactiveQueueUrl]: interactiveQueueUrl,
    [ENV.bulkQueueUrl]: bulkQueueUrl,
    [ENV.batchQueueUrl]: batchQueueUrl,
    [ENV.retentionDays]: '30',
    POWERTOOLS_SERVICE_NAME: 'penstock-test',
    POWERTOOLS_LOG_LEVEL: 'CRITICAL',
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
  const [api, authorize, dispatch, sweep, record, poll, validate] = await Promise.all([
    import('../../functions/api/index.ts'),
    import('../../functions/authorize/index.ts'),
    import('../../functions/dispatch/index.ts'),
    import('../../functions/sweep/index.ts'),
    import('../../functions/record-dead-letter/index.ts'),
    import('../../functions/poll-native-batches/index.ts'),
    import('../../functions/validate-batch/index.ts'),
  ]);

  /** One call through the authorizer, as API Gateway makes it. */
  async function call(path: string, options: CallOptions = {}) {
    const { method = 'GET', key = ADMIN_KEY, headers = {}, body } = options;
    let context: APIGatewayAuthorizerResult['context'];
    try {
      const event = authorizerEvent({ authorization: `Bearer ${key}` });
      ({ context } = await authorize.handler(event, lambdaContext()));
    } catch (error) {
      if (error instanceof Error && error.message === 'Unauthorized')
        return { status: 401, text: '' };
      throw error;
    }
    const [pathname = '', query] = path.split('?');
    const parameters = [...new URLSearchParams(query)];
    const event = {
      version: '1.0',
      resource: '/{proxy+}',
      path: pathname,
      httpMethod: method,
      headers: { host: 'api.test', 'content-type': 'application/json', ...headers },
      multiValueHeaders: {},
      queryStringParameters: Object.fromEntries(parameters),
      multiValueQueryStringParameters: Object.fromEntries(
        parameters.map(([parameter, value]) => [parameter, [value]]),
      ),
      pathParameters: {},
      stageVariables: {},
      isBase64Encoded: body instanceof Uint8Array,
      body:
        body instanceof Uint8Array
          ? Buffer.from(body).toString('base64')
          : body === undefined
            ? null
            : typeof body === 'string'
              ? body
              : JSON.stringify(body),
      requestContext: { authorizer: context },
    } as unknown as LambdaEvent;
    const answer = await api.handler(event, lambdaContext());
    const text: string = answer.body;
    return { status: answer.statusCode, headers: answer.headers, text, json: jsonIn(text) };
  }

  /** Takes all messages of both queues, and deletes them as the event source does. */
  async function takeMessages(
    queues: readonly string[] = [interactiveQueueUrl, bulkQueueUrl],
  ): Promise<string[]> {
    const bodies: string[] = [];
    for (const QueueUrl of queues) {
      for (;;) {
        const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 });
        const { Messages: messages = [] } = await sqs.send(receive);
        if (messages.length === 0) break;
        for (const { Body, ReceiptHandle } of messages) {
          bodies.push(Body ?? '');
          await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        }
      }
    }
    return bodies;
  }

  return {
    call,
    putConfig,
    takeMessages,
    batchQueueUrl,
    /** One invocation of the dispatcher with those messages. */
    dispatch: (bodies: readonly string[], ms = 60_000) =>
      dispatch.handler(sqsEvent(bodies), lambdaContext(ms)),
    /** Takes the rings of batches, and hands them to the function they start. */
    async moveBatches(ms = 300_000) {
      const bodies = await takeMessages([batchQueueUrl]);
      return validate.handler(sqsEvent(bodies), lambdaContext(ms));
    },
    sweep: () => sweep.handler({}, lambdaContext(55_000)),
    poll: () => poll.handler({}, lambdaContext(300_000)),
    recordDeadLetters: (bodies: readonly string[]) =>
      record.handler(sqsEvent(bodies), lambdaContext()),
  };
}

/** The value, or `null` where the text is not one JSON text. */
function jsonIn(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
