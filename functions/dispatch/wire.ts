import { AWS_COMMON, openQueues } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { DynamoProviderHolds } from '../../shared/adapters/dynamodb/provider-holds.ts';
import { openParameters, openSecrets } from '../../shared/adapters/secrets/open-stored-values.ts';
import { createReleasePoison } from '../../shared/adapters/sqs/release-poison.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import type { ReleasePoison } from '../../shared/ports/dead-letters.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { openProviders } from '../../shared/runtime/provider-pool.ts';
import { createStoredConfig } from '../../shared/runtime/stored-config.ts';
import {
  createDispatchSlices,
  type DispatchSlices,
} from '../../shared/usecases/dispatch-slices.ts';
import { CompletionTeller } from '../../shared/usecases/webhooks/tell-completions.ts';
import { dispatchEnv } from './env.ts';

/**
 * Clients and the configuration are shared by invocations; the ledger's memory, the sockets of
 * providers and the result log are made anew for each.
 */
export function wireDispatchSlices(environment: Environment, telemetry: Telemetry): DispatchSlices {
  const env = parseEnv(dispatchEnv, environment);
  const { clock, random } = AWS_COMMON;
  const storage = openAwsStorage({
    table: env[ENV.table],
    bucket: env[ENV.bucket],
    retentionDays: env[ENV.retentionDays],
  });
  const { table, payloads, resultsOf } = storage;
  const readParameter = openParameters();
  const readSecret = openSecrets();
  const source = env[ENV.configParameter];
  const readText = () => readParameter(source);
  const loadDeployment = createStoredConfig({ readText, source, environment, clock, telemetry });
  const holds = new DynamoProviderHolds(table);
  const capacity = new DynamoCapacityStore(table, new ModelsSeen(table));

  return async (notices, options) => {
    const deployment = await loadDeployment();
    const { providers, unusable, close } = await openProviders(deployment, { readSecret, clock });
    try {
      const { work } = storage.openLedger();
      const dispatchSlices = createDispatchSlices({
        work,
        slices: work,
        teller: new CompletionTeller(storage.completions, telemetry),
        payloads,
        resultsOf,
        capacity,
        holds,
        providers,
        unusable,
        models: deployment.models,
        clock,
        random,
        telemetry,
      });
      return await dispatchSlices(notices, options);
    } finally {
      await close();
    }
  };
}

export function wireReleasePoison(environment: Environment, telemetry: Telemetry): ReleasePoison {
  const env = parseEnv(dispatchEnv, environment);
  return createReleasePoison({
    client: openQueues(),
    queueUrls: [env[ENV.interactiveQueueUrl], env[ENV.bulkQueueUrl]],
    onFailure: (error) =>
      telemetry.log('warn', 'Poison was not released', { error: String(error) }),
  });
}
