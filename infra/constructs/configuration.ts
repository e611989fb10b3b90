import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { type IStringParameter, ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import type { DeployedConfig } from '../deployed-config.ts';
import type { ServiceFunction } from './service-function.ts';
import { allowSecret } from './service-secrets.ts';

/** What a standard parameter holds, which costs nothing. Unit: bytes. */
const STANDARD_BYTES = 4 * 1_024;

export interface ConfigurationProps {
  /** Names the deployment; the parameter lies below it. */
  readonly service: string;
  readonly config: DeployedConfig;
}

/** penstock.yaml as a parameter, and the secrets it names, which exist already. */
export class Configuration extends Construct {
  readonly parameter: IStringParameter;
  readonly #secrets: readonly ISecret[];
  readonly #webhookSecrets: readonly ISecret[];

  constructor(scope: Construct, id: string, { service, config }: ConfigurationProps) {
    super(scope, id);
    const { text, secretNames, webhookSecretNames } = config;
    this.parameter = new StringParameter(this, 'Parameter', {
      parameterName: `/${service}/penstock.yaml`,
      description: 'penstock.yaml: providers and models. Functions look for changes by themselves',
      stringValue: text,
      tier:
        Buffer.byteLength(text) > STANDARD_BYTES ? ParameterTier.ADVANCED : ParameterTier.STANDARD,
    });
    this.#secrets = secretNames.map((name, index) => this.#find(`Secret${index}`, name));
    this.#webhookSecrets = webhookSecretNames.map((name, index) =>
      this.#find(`WebhookSecret${index}`, name),
    );
  }

  /** Lets a function read penstock.yaml. */
  allow(fn: ServiceFunction): void {
    fn.allow(['ssm:GetParameter'], [this.parameter.parameterArn]);
  }

  /** Lets a function read the providers' keys, one by one. */
  allowProviderKeys(fn: ServiceFunction): void {
    for (const secret of this.#secrets) allowSecret(fn, secret);
  }

  /** Lets a function read what providers sign their webhooks with, one by one. */
  allowWebhookSecrets(fn: ServiceFunction): void {
    for (const secret of this.#webhookSecrets) allowSecret(fn, secret);
  }

  #find(id: string, name: string): ISecret {
    if (!name.startsWith('arn:')) return Secret.fromSecretNameV2(this, id, name);
    const { resourceName = '' } = Stack.of(this).splitArn(name, ArnFormat.COLON_RESOURCE_NAME);
    // Secrets Manager ends a whole ARN with six characters of its own.
    return /-[A-Za-z0-9]{6}$/.test(resourceName)
      ? Secret.fromSecretCompleteArn(this, id, name)
      : Secret.fromSecretPartialArn(this, id, name);
  }
}
