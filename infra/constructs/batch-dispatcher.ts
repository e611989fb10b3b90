import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { OPEN_INDEX } from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { Configuration } from './configuration.ts';
import { DispatchQueue } from './dispatch-queue.ts';
import { allowEvents } from './event-bus.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

/** How bulk work is gathered, and how many dispatchers work at once. */
export interface DispatchOptions {
  /**
   * Most messages one invocation takes from the bulk queue. 1 to 10000; above 10 only with a window.
   * @default 100
   */
  readonly bulkBatchSize?: number;
  /**
   * How long bulk messages are gathered. 0 to 300 seconds.
   * @default Duration.seconds(5)
   */
  readonly bulkWindow?: Duration;
  /**
   * Most dispatchers on the bulk queue at once. 2 to 1000.
   * @default 8
   */
  readonly bulkConcurrency?: number;
  /**
   * Most dispatchers on the interactive queue at once. 2 to 1000.
   * @default 8
   */
  readonly interactiveConcurrency?: number;
  /**
   * How long one dispatcher works. What it leaves is taken up within a minute; a message whose
   * dispatcher died is seen again after six times this and the window.
   * @default Duration.minutes(5)
   */
  readonly timeout?: Duration;
  /**
   * How often a message is handed out before it is given up. AWS advises at least five where
   * Lambda reads: an invocation that was throttled counts.
   * @default 5
   */
  readonly maxReceives?: number;
  /**
   * 1769 MB are one core, 3538 MB two. Unit: MB.
   * @default 1769
   */
  readonly memoryMb?: number;
}

export interface BatchDispatcherProps extends DispatchOptions {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  readonly configuration: Configuration;
}

/** One message may carry a whole burst: it rings for a slice, and a worker takes more than it names. */
const INTERACTIVE_BATCH_SIZE = 10;

/**
 * The two queues and the function that works on both: one that is served at once, for work
 * somebody waits for, and one that gathers. The function never sends to either; work that has to
 * wait is left in the table, and the sweeper rings for it.
 */
export class BatchDispatcher extends Construct {
  readonly interactive: DispatchQueue;
  readonly bulk: DispatchQueue;
  readonly fn: ServiceFunction;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: BatchDispatcherProps) {
    super(scope, id);
    const { defaults, state, configuration } = props;
    const timeout = props.timeout ?? Duration.minutes(5);
    this.timeout = timeout;
    const common = { consumerTimeout: timeout, maxReceives: props.maxReceives ?? 5 };
    this.interactive = new DispatchQueue(this, 'Interactive', {
      ...common,
      batchSize: INTERACTIVE_BATCH_SIZE,
      window: Duration.seconds(0),
      maxConcurrency: props.interactiveConcurrency ?? 8,
    });
    this.bulk = new DispatchQueue(this, 'Bulk', {
      ...common,
      batchSize: props.bulkBatchSize ?? 100,
      window: props.bulkWindow ?? Duration.seconds(5),
      maxConcurrency: props.bulkConcurrency ?? 8,
    });

    this.fn = new ServiceFunction(this, 'Dispatch', {
      defaults,
      entry: ENTRYPOINTS.dispatch,
      description:
        'Penstock: sends requests to providers within their limits, and publishes answers',
      timeout,
      memoryMb: props.memoryMb ?? 1_769,
      environment: {
        ...state.environment,
        [ENV.configParameter]: configuration.parameter.parameterName,
        // To release messages that cannot be read; it may not send to them.
        [ENV.interactiveQueueUrl]: this.interactive.queue.queueUrl,
        [ENV.bulkQueueUrl]: this.bulk.queue.queueUrl,
      },
    });
    state.table.allow(this.fn, 'read', 'write');
    state.table.allowQuery(this.fn, OPEN_INDEX);
    state.bucket.allow(this.fn, 'read', 'write', 'list');
    configuration.allow(this.fn);
    allowEvents(this.fn);
    configuration.allowProviderKeys(this.fn);
    this.interactive.deliverTo(this.fn);
    this.bulk.deliverTo(this.fn);
  }
}
