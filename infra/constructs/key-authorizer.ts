import { Duration } from 'aws-cdk-lib';
import { CfnAuthorizer, type IAuthorizer, RequestAuthorizer } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { ENTRYPOINTS } from '../entrypoints.ts';
import { type FunctionDefaults, ServiceFunction } from './service-function.ts';
import { allowSecret } from './service-secrets.ts';
import type { State } from './state.ts';

export interface KeyAuthorizerProps {
  readonly defaults: FunctionDefaults;
  readonly state: State;
}

/**
 * Turns an API key into a tenant, from `Authorization: Bearer` or `x-api-key`.
 *
 * API Gateway caches nothing for it. A cache needs identity sources; API Gateway demands every one
 * of them, so that with both headers no caller would pass, and with one the SDKs that send the
 * other would not. So each call costs one short invocation and one read of the table, and a revoked
 * key is refused from its next call on.
 */
export class KeyAuthorizer extends Construct {
  readonly authorizer: IAuthorizer;
  readonly fn: ServiceFunction;

  constructor(scope: Construct, id: string, { defaults, state }: KeyAuthorizerProps) {
    super(scope, id);
    const { adminKey, pepper } = state.secrets;
    this.fn = new ServiceFunction(this, 'Authorize', {
      defaults,
      entry: ENTRYPOINTS.authorize,
      description: 'Penstock: turns an API key into a tenant',
      timeout: Duration.seconds(10),
      memoryMb: 512,
      environment: {
        [ENV.table]: state.environment[ENV.table],
        [ENV.adminKeySecret]: adminKey.secretArn,
        [ENV.pepperSecret]: pepper.secretArn,
      },
    });
    state.table.allowKeyLookup(this.fn);
    allowSecret(this.fn, adminKey);
    allowSecret(this.fn, pepper);
    const authorizer = new RequestAuthorizer(this, 'Authorizer', {
      handler: this.fn.lambda,
      identitySources: [],
      resultsCacheTtl: Duration.seconds(0),
    });
    const resource = authorizer.node.defaultChild;
    // CDK writes an empty text, which is not a mapping expression.
    if (resource instanceof CfnAuthorizer) resource.addPropertyDeletionOverride('IdentitySource');
    this.authorizer = authorizer;
  }
}
