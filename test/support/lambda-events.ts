/** Events and contexts as Lambda gives them, with what a test does not care about filled in. */

import type { APIGatewayRequestAuthorizerEvent, Context, SQSEvent, SQSRecord } from 'aws-lambda';

export function lambdaContext(remainingMs = 60_000): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'under-test',
    functionVersion: '1',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:under-test',
    memoryLimitInMB: '512',
    awsRequestId: 'invocation-1',
    logGroupName: 'group',
    logStreamName: 'stream',
    getRemainingTimeInMillis: () => remainingMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

/** One message for each body; ids count from `message-0`. */
export function sqsEvent(bodies: readonly string[]): SQSEvent {
  return { Records: bodies.map(sqsRecord) };
}

function sqsRecord(body: string, index: number): SQSRecord {
  return {
    messageId: `message-${index}`,
    receiptHandle: `receipt-${index}`,
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1700000000000',
      SenderId: 'sender',
      ApproximateFirstReceiveTimestamp: '1700000000100',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:bulk',
    awsRegion: 'eu-central-1',
  };
}

export function authorizerEvent(headers: Record<string, string>): APIGatewayRequestAuthorizerEvent {
  const requestContext: Partial<APIGatewayRequestAuthorizerEvent['requestContext']> = {};
  return {
    type: 'REQUEST',
    methodArn: 'arn:aws:execute-api:eu-central-1:000000000000:api1/penstock/GET/v1/requests/x',
    resource: '/{proxy+}',
    path: '/v1/requests/x',
    httpMethod: 'GET',
    headers,
    multiValueHeaders: {},
    pathParameters: {},
    queryStringParameters: {},
    multiValueQueryStringParameters: {},
    stageVariables: {},
    requestContext: requestContext as APIGatewayRequestAuthorizerEvent['requestContext'],
  };
}
