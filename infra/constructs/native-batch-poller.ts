import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { OPEN_INDEX } from '../../shared/adapters/dynamodb/table/table-definition.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { Configuration } from './configuration.ts';
import { allowEvents } from './event-bus.ts';
import { EveryMinute } from './every-minute.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

export interface NativeBatchPollerProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  readonly configuration: Configuration;
}

/**
 * Hands requests to the providers' own batch APIs each minute, and takes in what these have
 * finished. It may run while the next one starts: each job is worked on by one of them.
 */
export class NativeBatchPoller extends Construct {
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, props: NativeBatchPollerProps) {
    super(scope, id);
    const { defaults, state, configuration } = props;
    this.fn = new ServiceFunction(this, 'Poll', {
      defaults,
      entry: ENTRYPOINTS.pollNativeBatches,
      description: "Penstock: submits the providers' batch jobs, and takes in their results",
      timeout: Duration.minutes(5),
      memoryMb: 1_769,
      environment: {
        ...state.environment,
        [ENV.configParameter]: configuration.parameter.parameterName,
      },
    });
    state.table.allow(this.fn, 'read', 'write');
    state.table.allowQuery(this.fn, OPEN_INDEX);
    state.bucket.allow(this.fn, 'read', 'write', 'list');
    configuration.allow(this.fn);
    configuration.allowProviderKeys(this.fn);
    allowEvents(this.fn);
    new EveryMinute(this, 'EveryMinute', { fn: this.fn });
  }
}
