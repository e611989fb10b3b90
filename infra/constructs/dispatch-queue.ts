import { Duration, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { VISIBILITY_TIMEOUT_FACTOR } from '../../shared/contracts/limits.ts';
import type { ServiceFunction } from './service-function.ts';

export interface DispatchQueueProps {
  /** Timeout of the function that takes the messages. */
  readonly consumerTimeout: Duration;
  /** Most messages that one invocation takes; above 10 only with a window. */
  readonly batchSize: number;
  /** How long messages are gathered before a function is invoked. */
  readonly window: Duration;
  /** Most invocations at once. 2 to 1000. */
  readonly maxConcurrency: number;
  /** How often a message is handed out before it is given up. */
  readonly maxReceives: number;
}

/** A doorbell the sweeper rings again each minute need not be kept for long. */
const RETENTION = Duration.days(4);
/** Time for people to look at what failed. */
const DEAD_LETTER_RETENTION = Duration.days(14);

/**
 * A queue and its dead-letter queue. Owns what is only right together: how long a message is
 * hidden, how long its function may run, and the window before it.
 */
export class DispatchQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
  readonly visibilityTimeout: Duration;
  readonly #props: DispatchQueueProps;

  constructor(scope: Construct, id: string, props: DispatchQueueProps) {
    super(scope, id);
    this.#props = props;
    const { consumerTimeout, window, maxReceives } = props;
    this.visibilityTimeout = Duration.seconds(
      VISIBILITY_TIMEOUT_FACTOR * consumerTimeout.toSeconds() + window.toSeconds(),
    );
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      enforceSSL: true,
      retentionPeriod: DEAD_LETTER_RETENTION,
      visibilityTimeout: Duration.minutes(6),
    });
    Validations.of(this.deadLetterQueue).acknowledge({
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'It is a dead-letter queue.',
    });
    this.queue = new Queue(this, 'Queue', {
      enforceSSL: true,
      retentionPeriod: RETENTION,
      visibilityTimeout: this.visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: maxReceives },
    });
  }

  /** Hands the queue's messages to a function, which names those that it could not read. */
  deliverTo(fn: ServiceFunction): void {
    const { batchSize, window, maxConcurrency } = this.#props;
    fn.addQueue(this.queue, { batchSize, maxBatchingWindow: window, maxConcurrency });
  }

  /** Hands a function what was given up. */
  deliverDeadLettersTo(fn: ServiceFunction): void {
    fn.addQueue(this.deadLetterQueue, { batchSize: 10 });
  }
}
