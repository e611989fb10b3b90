import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { OPEN_INDEX } from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { BatchDispatcher } from './batch-dispatcher.ts';
import type { BatchValidator } from './batch-validator.ts';
import { allowEvents } from './event-bus.ts';
import { EveryMinute } from './every-minute.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

export interface SweeperProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  /** Whose queues are rung. */
  readonly dispatcher: BatchDispatcher;
  /** Whose queue is rung for batches that have not ended. */
  readonly validator: BatchValidator;
}

/**
 * Rings again, each minute, for what was accepted and does not move, measures the backlog, and sends
 * webhooks that are due.
 * A clock starts it, so that what it sends begins a new lineage and Lambda sees no loop.
 */
export class Sweeper extends Construct {
  readonly fn: ServiceFunction;

  constructor(
    scope: Construct,
    id: string,
    { defaults, state, dispatcher, validator }: SweeperProps,
  ) {
    super(scope, id);
    const batches = validator.batches.queue;
    const queues = [dispatcher.interactive.queue, dispatcher.bulk.queue, batches];
    this.fn = new ServiceFunction(this, 'Sweep', {
      defaults,
      entry: ENTRYPOINTS.sweep,
      description: 'Penstock: rings again for what does not move, and sends webhooks',
      timeout: Duration.seconds(55),
      memoryMb: 512,
      environment: {
        ...state.environment,
        [ENV.interactiveQueueUrl]: dispatcher.interactive.queue.queueUrl,
        [ENV.bulkQueueUrl]: dispatcher.bulk.queue.queueUrl,
        [ENV.batchQueueUrl]: batches.queueUrl,
      },
    });
    state.table.allow(this.fn, 'read', 'write');
    state.table.allowQuery(this.fn, OPEN_INDEX);
    state.bucket.allow(this.fn, 'read', 'list');
    allowEvents(this.fn);
    this.fn.allow(
      ['sqs:SendMessage'],
      queues.map(({ queueArn }) => queueArn),
    );
    new EveryMinute(this, 'EveryMinute', { fn: this.fn });
  }
}
