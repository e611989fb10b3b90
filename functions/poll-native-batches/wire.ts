import { AWS_COMMON } from '../../shared/adapters/aws/open-clients.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { DynamoNativeJobStore } from '../../shared/adapters/dynamodb/native-job-store.ts';
import { DynamoTurnaroundStore } from '../../shared/adapters/dynamodb/turnaround-store.ts';
import { openParameters, openSecrets } from '../../shared/adapters/secrets/open-stored-values.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { NATIVE_HAND_OVER_MS, NATIVE_TICK_MS } from '../../shared/contracts/limits.ts';
import { gatherMs } from '../../shared/domain/lanes/plan-lane.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import { openAwsStorage } from '../../shared/runtime/aws-storage.ts';
import { type Environment, parseEnv } from '../../shared/runtime/parse-env.ts';
import { openNativeProviders } from '../../shared/runtime/provider-pool.ts';
import { createStoredConfig } from '../../shared/runtime/stored-config.ts';
import { DispatchMeter } from '../../shared/usecases/dispatch/dispatch-meter.ts';
import { KEEP_FILES_MS } from '../../shared/usecases/native/native-deps.ts';
import { createNativeRoom, createPlannedTick } from '../../shared/usecases/native/planned-tick.ts';
import type { TickNative } from '../../shared/usecases/native/tick-native.ts';
import { createPlanner } from '../../shared/usecases/planning/planner.ts';
import { CompletionTeller } from '../../shared/usecases/webhooks/tell-completions.ts';
import { pollEnv } from './env.ts';

/** Clients and the configuration are shared by ticks; sockets and the result log are not. */
export function wireTick(environment: Environment, telemetry: Telemetry): TickNative {
  const env = parseEnv(pollEnv, environment);
  const { clock, random } = AWS_COMMON;
  const retentionDays = env[ENV.retentionDays];
  const storage = openAwsStorage({ table: env[ENV.table], bucket: env[ENV.bucket], retentionDays });
  const jobs = new DynamoNativeJobStore(storage.table, retentionDays);
  const capacity = new DynamoCapacityStore(storage.table, new ModelsSeen(storage.table));
  const turnarounds = new DynamoTurnaroundStore(storage.table);
  const readParameter = openParameters();
  const readSecret = openSecrets();
  const source = env[ENV.configParameter];
  const readText = () => readParameter(source);
  const loadDeployment = createStoredConfig({ readText, source, environment, clock, telemetry });

  return async (terms) => {
    const deployment = await loadDeployment();
    const { config, models } = deployment;
    const { providers, unusable, close } = await openNativeProviders(deployment, {
      readSecret,
      clock,
    });
    for (const stop of unusable) telemetry.log('error', 'A provider takes no batch', { ...stop });
    const meter = new DispatchMeter(telemetry);
    const teller = new CompletionTeller(storage.completions, telemetry);
    try {
      const { work } = storage.openLedger();
      const queueTokensOf = (model: string) => config.models.get(model)?.batchQueueTokens ?? null;
      const planner = createPlanner({
        work,
        capacity,
        turnarounds,
        models,
        clock,
        random,
        tickMs: NATIVE_TICK_MS,
        handOverMs: NATIVE_HAND_OVER_MS,
        hasNativeRoom: createNativeRoom({ jobs, queueTokensOf }),
      });
      const tick = createPlannedTick(
        {
          jobs,
          work,
          payloads: storage.payloads,
          results: storage.resultsOf(random.id('tick_')),
          providers,
          models,
          queueTokensOf,
          gatherMs,
          keepFilesMs: KEEP_FILES_MS,
          unusable: new Set(unusable.map(({ provider }) => provider)),
          clock,
          random,
          telemetry,
          onPublished(group) {
            teller.published(group);
            meter.published(group, () => undefined);
          },
        },
        planner,
      );
      return await tick(terms);
    } finally {
      // What is still to be told when the function returns would be told by nobody.
      await teller.settle();
      await close();
    }
  };
}
