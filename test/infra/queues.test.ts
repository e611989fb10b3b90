import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { DispatchQueue } from '../../infra/constructs/dispatch-queue.ts';
import { statementsByFunction } from './permissions.ts';
import { appWithoutBundles, resourcesOf, synthesize } from './synthesize.ts';

const { service } = synthesize({ dispatchTimeoutSeconds: 900, bulkWindowSeconds: 300 });
const queues = resourcesOf(service, 'AWS::SQS::Queue');
const functions = resourcesOf(service, 'AWS::Lambda::Function');
const mappings = [...resourcesOf(service, 'AWS::Lambda::EventSourceMapping').values()];

const arnOf = (value: unknown): string => Object(value)['Fn::GetAtt'][0];
const nameOf = (value: unknown): string => Object(value).Ref;

describe('queues', () => {
  it('hide a message for six timeouts of its function and the window', () => {
    expect(mappings).toHaveLength(5);
    for (const mapping of mappings) {
      const queue = queues.get(arnOf(mapping['EventSourceArn']));
      const fn = functions.get(nameOf(mapping['FunctionName']));
      const window = Number(mapping['MaximumBatchingWindowInSeconds'] ?? 0);
      const least = 6 * Number(fn?.['Timeout']) + window;
      expect(Number(queue?.['VisibilityTimeout'])).toBeGreaterThanOrEqual(least);
      expect(Number(queue?.['VisibilityTimeout'])).toBeLessThanOrEqual(43_200);
    }
  });

  it('report which messages failed', () => {
    for (const mapping of mappings) {
      expect(mapping['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures']);
    }
  });

  it('serve interactive work at once and gather bulk work, each with a bound on dispatchers', () => {
    const bounded = mappings.filter((mapping) => mapping['ScalingConfig'] !== undefined);
    expect(
      bounded.map(({ BatchSize, ScalingConfig, MaximumBatchingWindowInSeconds }) => [
        BatchSize,
        MaximumBatchingWindowInSeconds,
        Object(ScalingConfig).MaximumConcurrency,
      ]),
    ).toEqual([
      [10, 0, 8],
      [100, 300, 8],
      [1, 0, 4],
    ]);
  });

  it('give up after five receives, and keep what was given up longer than what was not', () => {
    const sources = [...queues.values()].filter((queue) => queue['RedrivePolicy'] !== undefined);
    expect(sources).toHaveLength(3);
    for (const queue of sources) {
      const { deadLetterTargetArn, maxReceiveCount } = Object(queue['RedrivePolicy']);
      const deadLetters = queues.get(arnOf(deadLetterTargetArn));
      expect(maxReceiveCount).toBe(5);
      expect(queue['MessageRetentionPeriod']).toBe(Duration.days(4).toSeconds());
      expect(deadLetters?.['MessageRetentionPeriod']).toBe(Duration.days(14).toSeconds());
    }
  });

  it('take TLS only', () => {
    const policies = [...resourcesOf(service, 'AWS::SQS::QueuePolicy').values()];
    expect(policies).toHaveLength(queues.size);
    for (const policy of policies) expect(JSON.stringify(policy)).toContain('aws:SecureTransport');
  });

  it('are never sent to by the function that they start: Lambda would stop the loop', () => {
    const statements = statementsByFunction(service);
    for (const mapping of mappings) {
      const queue = arnOf(mapping['EventSourceArn']);
      const own = statements.get(nameOf(mapping['FunctionName'])) ?? [];
      const sent = own.filter(({ actions }) =>
        actions.some((action) => /^sqs:(Send|\*)/.test(action)),
      );
      expect(sent.flatMap(({ resources }) => resources)).not.toContain(`${queue}.Arn`);
      expect(own.some(({ resources }) => resources.includes(`${queue}.Arn`))).toBe(true);
    }
  });

  it('hold the rule wherever they are used', () => {
    const stack = new Stack(appWithoutBundles(), 'Test');
    new DispatchQueue(stack, 'Queue', {
      consumerTimeout: Duration.seconds(120),
      window: Duration.seconds(5),
      batchSize: 100,
      maxConcurrency: 2,
      maxReceives: 3,
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 725,
      RedrivePolicy: { maxReceiveCount: 3 },
    });
  });
});
