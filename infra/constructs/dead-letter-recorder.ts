import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { BatchDispatcher } from './batch-dispatcher.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

export interface DeadLetterRecorderProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  /** Whose dead letters are recorded. */
  readonly dispatcher: BatchDispatcher;
}

/** Records what was given up, so that nobody waits for it and a person can see why. */
export class DeadLetterRecorder extends Construct {
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, props: DeadLetterRecorderProps) {
    super(scope, id);
    const { defaults, state, dispatcher } = props;
    this.fn = new ServiceFunction(this, 'Record', {
      defaults,
      entry: ENTRYPOINTS.recordDeadLetter,
      description: 'Penstock: records messages that were given up',
      timeout: Duration.minutes(1),
      memoryMb: 512,
      environment: state.environment,
    });
    state.table.allow(this.fn, 'read', 'write');
    dispatcher.interactive.deliverDeadLettersTo(this.fn);
    dispatcher.bulk.deliverDeadLettersTo(this.fn);
  }
}
