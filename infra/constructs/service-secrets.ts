import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { ServiceFunction } from './service-function.ts';

export interface ServiceSecretsProps {
  /** Whether the secrets outlive their stack. */
  readonly isRetained: boolean;
}

/** Letters and digits. 43 of them hold 256 bits. */
const SECRET_LENGTH = 43;

/** What the service keeps secret on its own account; both are made by Secrets Manager. */
export class ServiceSecrets extends Construct {
  /** Key of the first administrator, who makes all other keys. */
  readonly adminKey: ISecret;
  /** What API keys are digested with; without it a copy of the table authenticates nobody. */
  readonly pepper: ISecret;

  constructor(scope: Construct, id: string, { isRetained }: ServiceSecretsProps) {
    super(scope, id);
    const generate = (name: string, description: string, reason: string): Secret => {
      const secret = new Secret(this, name, {
        description,
        generateSecretString: { passwordLength: SECRET_LENGTH, excludePunctuation: true },
        removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      });
      Validations.of(secret).acknowledge({ id: 'AwsSolutions-SMG4', reason });
      return secret;
    };
    this.adminKey = generate(
      'AdminKey',
      'Penstock: API key of the first administrator',
      'A person holds this key, and changes it by hand or makes others and leaves it alone.',
    );
    this.pepper = generate(
      'Pepper',
      'Penstock: what API keys are digested with',
      'A new pepper would revoke every API key there is.',
    );
  }
}

/** Lets a function read one secret and no other. */
export function allowSecret(fn: ServiceFunction, secret: ISecret): void {
  fn.allow(
    ['secretsmanager:GetSecretValue'],
    [secret.secretFullArn ?? `${secret.secretArn}-??????`],
  );
}
