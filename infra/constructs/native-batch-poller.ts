import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import type { Configuration } from './configuration.ts';
import { EveryMinute } from './every-minute.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import type { State } from './state.ts';

export interface NativeBatchPollerProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
  readonly configuration: Configuration;
}

/** Looks each minute for what the providers' own batch jobs have finished. */
export class NativeBatchPoller extends Construct {
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, props: NativeBatchPollerProps) {
    super(scope, id);
    const { defaults, state, configuration } = props;
    this.fn = new ServiceFunction(this, 'Poll', {
      defaults,
      entry: ENTRYPOINTS.pollNativeBatches,
      description: "Penstock: looks for what the providers' batch jobs have finished",
      timeout: Duration.seconds(55),
      memoryMb: 512,
      environment: {
        ...state.environment,
        [ENV.configParameter]: configuration.parameter.parameterName,
      },
    });
    // Reading suffices until there are native jobs.
    state.table.allow(this.fn, 'read');
    configuration.allow(this.fn);
    new EveryMinute(this, 'EveryMinute', { fn: this.fn });
  }
}
