import { openTable } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoKeyStore } from '../../shared/adapters/dynamodb/key-store.ts';
import { openSecrets } from '../../shared/adapters/secrets/open-stored-values.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import {
  type AuthenticateKey,
  createAuthenticateKey,
} from '../../shared/usecases/authenticate-key.ts';
import { authorizeEnv } from './env.ts';

export function wireAuthenticateKey(environment: Environment): AuthenticateKey {
  const env = parseEnv(authorizeEnv, environment);
  const readSecret = openSecrets();
  return createAuthenticateKey({
    keys: new DynamoKeyStore(openTable(env[ENV.table])),
    pepper: () => readSecret(env[ENV.pepperSecret]),
    adminKey: () => readSecret(env[ENV.adminKeySecret]),
  });
}
