import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SSMProvider } from '@aws-lambda-powertools/parameters/ssm';
import { AWS_CLIENT_OPTIONS } from '../aws/client-options.ts';
import { AWS_COMMON } from '../aws/open-clients.ts';
import { createParameterReader, createSecretReader, type ReadValue } from './stored-values.ts';

/** Reads secrets by name or ARN. Connects with the first call. */
export function openSecrets(): ReadValue {
  const provider = new SecretsProvider({ clientConfig: AWS_CLIENT_OPTIONS });
  return createSecretReader({ provider, callAws: AWS_COMMON.callAws });
}

/** Reads parameters by name. Connects with the first call. */
export function openParameters(): ReadValue {
  const provider = new SSMProvider({ clientConfig: AWS_CLIENT_OPTIONS });
  return createParameterReader({ provider, callAws: AWS_COMMON.callAws });
}
