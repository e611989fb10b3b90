import { Duration, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { ServiceFunction } from './service-function.ts';

export interface EveryMinuteProps {
  /** What is started. Two of them may run at once. */
  readonly fn: ServiceFunction;
}

/** Starts a function each minute. A start that fails is not repeated: the next one is near. */
export class EveryMinute extends Construct {
  constructor(scope: Construct, id: string, { fn }: EveryMinuteProps) {
    super(scope, id);
    const rule = new Rule(this, 'Rule', { schedule: Schedule.rate(Duration.minutes(1)) });
    rule.addTarget(
      new LambdaFunction(fn.lambda, { retryAttempts: 0, maxEventAge: Duration.minutes(1) }),
    );
    fn.lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    Validations.of(rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason: 'A tick carries nothing to keep; an alarm tells when ticks stop.',
    });
    Validations.of(fn).acknowledge({
      id: 'Serverless-LambdaAsyncFailureDestination',
      reason: 'A tick carries nothing to keep; an alarm tells when ticks stop or fail.',
    });
  }
}
