import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { OPEN_INDEX } from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { BatchDispatcher } from './batch-dispatcher.ts';
import type { Configuration } from './configuration.ts';
import { DispatchQueue } from './dispatch-queue.ts';
import { allowEvents } from './event-bus.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

export interface BatchValidatorProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  readonly configuration: Configuration;
  /** Whose queues are rung for what becomes a request. */
  readonly dispatcher: BatchDispatcher;
}

const TIMEOUT = Duration.minutes(5);

/**
 * The queue of batches and the function that moves them on: it reads input files, makes requests of
 * their lines, and brings batches to their end. It never sends to its own queue: what it leaves
 * unfinished stands in the table, and the sweeper rings for it. So what its queue gives up is
 * recorded nowhere: nothing is lost with it, and an alarm shows that it is there.
 */
export class BatchValidator extends Construct {
  readonly batches: DispatchQueue;
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, props: BatchValidatorProps) {
    super(scope, id);
    const { defaults, state, configuration, dispatcher } = props;
    const queues = [dispatcher.interactive.queue, dispatcher.bulk.queue];
    this.batches = new DispatchQueue(this, 'Batches', {
      consumerTimeout: TIMEOUT,
      batchSize: 1,
      window: Duration.seconds(0),
      maxConcurrency: 4,
      maxReceives: 5,
    });
    this.fn = new ServiceFunction(this, 'Validate', {
      defaults,
      entry: ENTRYPOINTS.validateBatch,
      description: 'Penstock: reads the input of batches and brings them to their end',
      timeout: TIMEOUT,
      memoryMb: 1_769,
      environment: {
        ...state.environment,
        [ENV.configParameter]: configuration.parameter.parameterName,
        [ENV.interactiveQueueUrl]: dispatcher.interactive.queue.queueUrl,
        [ENV.bulkQueueUrl]: dispatcher.bulk.queue.queueUrl,
      },
    });
    state.table.allow(this.fn, 'read', 'write');
    state.table.allowQuery(this.fn, OPEN_INDEX);
    state.bucket.allow(this.fn, 'read', 'write', 'list');
    configuration.allow(this.fn);
    allowEvents(this.fn);
    this.fn.allow(
      ['sqs:SendMessage'],
      queues.map(({ queueArn }) => queueArn),
    );
    this.batches.deliverTo(this.fn);
  }
}
