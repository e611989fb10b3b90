import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { DeployedConfig } from '../deployed-config.ts';
import { BatchDispatcher, type DispatchOptions } from './batch-dispatcher.ts';
import { BatchValidator } from './batch-validator.ts';
import { Configuration } from './configuration.ts';
import { DeadLetterRecorder } from './dead-letter-recorder.ts';
import { NativeBatchPoller } from './native-batch-poller.ts';
import { Operations, type OperationsOptions } from './operations.ts';
import { RequestApi, type RequestApiOptions } from './request-api.ts';
import type { FunctionDefaults } from './service-function.ts';
import type { State } from './state.ts';
import { Sweeper } from './sweeper.ts';

export interface ServiceOptions {
  /** Bulk batches, windows, and how many dispatchers work at once. */
  readonly dispatch?: DispatchOptions;
  /** Name of the API's stage, and its throttling. */
  readonly api?: RequestApiOptions;
  /** Alarm actions and thresholds. */
  readonly operations?: OperationsOptions;
  /**
   * How long logs are kept.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

export interface ServiceProps extends ServiceOptions {
  /** Names the deployment in logs, metrics, alarms and the dashboard; unique in its region. */
  readonly service: string;
  readonly state: State;
  readonly config: DeployedConfig;
}

/** All that works on the state, and keeps none. */
export class Service extends Construct {
  readonly api: RequestApi;
  readonly configuration: Configuration;
  readonly dispatcher: BatchDispatcher;
  readonly operations: Operations;

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id);
    const { service, state, config } = props;
    const logRetention = props.logRetention ?? RetentionDays.ONE_MONTH;
    const defaults: FunctionDefaults = { service, logRetention };
    const configuration = new Configuration(this, 'Configuration', { service, config });
    const common = { defaults, state, configuration };
    const dispatcher = new BatchDispatcher(this, 'Dispatcher', { ...common, ...props.dispatch });
    const withQueues = { defaults, state, dispatcher };
    const validator = new BatchValidator(this, 'Validator', { ...common, dispatcher });
    const sweeper = new Sweeper(this, 'Sweeper', { ...withQueues, validator });
    const poller = new NativeBatchPoller(this, 'NativeBatches', common);
    const recorder = new DeadLetterRecorder(this, 'DeadLetters', withQueues);
    this.api = new RequestApi(this, 'Api', { ...common, ...props.api, dispatcher, validator });
    this.configuration = configuration;
    this.dispatcher = dispatcher;
    this.operations = new Operations(this, 'Operations', {
      service,
      parts: { state, api: this.api, dispatcher, validator, sweeper, poller, recorder },
      ...props.operations,
    });
  }
}
