import { Construct } from 'constructs';
import { Service, type ServiceOptions } from './constructs/service.ts';
import { State, type StateProps } from './constructs/state.ts';
import { checkDeployedConfig, readDeployedConfig } from './deployed-config.ts';

export interface PenstockProps extends ServiceOptions {
  /**
   * Providers and models: the path of a penstock.yaml, or its text.
   *
   * @example { file: 'penstock.yaml' }
   */
  readonly config: { readonly file: string } | { readonly text: string };
  /**
   * Names it in logs, metrics, alarms and the dashboard; unique in its region.
   * @default 'penstock'
   */
  readonly service?: string;
  /**
   * Table, bucket and secrets, where they live in a stack of their own.
   * @default - made here, with `retention` below
   */
  readonly state?: State;
  /**
   * How long data is kept, and whether it outlives the stack. Not with `state`.
   * @default - 30 days; it does
   */
  readonly retention?: StateProps;
}

/**
 * Penstock as a part of your own app:
 *
 *     new Penstock(stack, 'Penstock', { config: { file: 'penstock.yaml' } });
 *
 * Callers need `baseUrl`, and a key: `adminKey` names the secret with the first one.
 *
 * @throws {DeploymentFault} at synthesis, naming every fault of the configuration.
 */
export class Penstock extends Construct {
  readonly state: State;
  readonly service: Service;

  constructor(scope: Construct, id: string, props: PenstockProps) {
    super(scope, id);
    const { config, service = 'penstock', state, retention, ...options } = props;
    this.state = state ?? new State(this, 'State', retention);
    this.service = new Service(this, 'Service', {
      ...options,
      service,
      state: this.state,
      config:
        'file' in config
          ? readDeployedConfig(config.file)
          : checkDeployedConfig(config.text, 'config.text'),
    });
  }

  /** Where it is called, without a slash at the end; `/v1` comes after it. */
  get baseUrl(): string {
    return this.service.api.baseUrl;
  }

  /** The secret that holds the key of the first administrator. */
  get adminKey() {
    return this.state.secrets.adminKey;
  }
}
