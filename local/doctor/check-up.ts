/** Looks at everything a run needs, and says how to mend what is not well. */

import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../../shared/domain/errors.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { CompletionProvider, ProviderProbe } from '../../shared/ports/completion-provider.ts';
import { type ConfiguredModels, loadModels } from '../../shared/runtime/configured-models.ts';
import { createProviders } from '../../shared/runtime/provider-settings.ts';
import { type LoadConfigOptions, type LoadedConfig, loadConfig } from '../config/load-config.ts';

export interface Finding {
  readonly name: string;
  /** `poor` works, and may disappoint. */
  readonly health: 'good' | 'poor' | 'bad';
  /** One sentence, with the remedy where there is something to mend. */
  readonly detail: string;
}

export interface CheckUpOptions extends LoadConfigOptions {
  /** Where state would be kept. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly nodeVersion: string;
}

const LEAST_NODE = [22, 18] as const;
const PROBE_MS = 10_000;
const MOST_SKEW_MS = 5_000;
const GIBIBYTE = 1_073_741_824;

export async function checkUp(options: CheckUpOptions): Promise<Finding[]> {
  const findings = [checkNode(options.nodeVersion), checkState(options.stateDirectory)];
  let loaded: LoadedConfig;
  let models: ConfiguredModels;
  let providers: Map<string, CompletionProvider>;
  const source = (path: string | null): string => path ?? 'The environment';
  try {
    loaded = loadConfig(options);
    models = await loadModels(loaded.config, { source: source(loaded.path) });
    providers = createProviders(loaded.config, source(loaded.path), options.clock);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [...findings, { name: 'configuration', health: 'bad', detail: error.message }];
  }
  findings.push(describeConfig(loaded));
  try {
    const probes = [...providers].map(([name, provider]) => checkProvider(name, provider, models));
    findings.push(...(await Promise.all(probes)).flat());
  } finally {
    await Promise.all([...providers.values()].map((provider) => provider.close()));
  }
  return findings;
}

function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return {
    name: 'node',
    health: isNewEnough ? 'good' : 'bad',
    detail: isNewEnough
      ? version
      : `${version} is too old; install ${LEAST_NODE.join('.')} or newer (https://nodejs.org)`,
  };
}

function checkState(directory: string): Finding {
  const name = 'state';
  const existing = nearestExisting(directory);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    const detail = `${existing} cannot be written; choose another place with --state, or change its permissions`;
    return { name, health: 'bad', detail };
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = `${((bavail * bsize) / GIBIBYTE).toFixed(1)} GiB free at ${existing}`;
  return bavail * bsize < GIBIBYTE
    ? { name, health: 'poor', detail: `${free}; results are kept twice, so make room first` }
    : { name, health: 'good', detail: free };
}

function nearestExisting(directory: string): string {
  const parent = dirname(directory);
  if (parent === directory) return directory;
  try {
    accessSync(directory);
    return directory;
  } catch {
    return nearestExisting(parent);
  }
}

function describeConfig({ config, path }: LoadedConfig): Finding {
  const providers = [...config.providers.keys()].join(', ');
  const { size } = config.models;
  const models = size === 0 ? 'models from the catalog' : `${size} model${size === 1 ? '' : 's'}`;
  return {
    name: 'configuration',
    health: 'good',
    detail: `${path ?? 'from the environment'}: ${providers}; ${models}`,
  };
}

async function checkProvider(
  name: string,
  provider: CompletionProvider,
  models: ConfiguredModels,
): Promise<Finding[]> {
  const probe = await provider.probe(AbortSignal.timeout(PROBE_MS));
  const findings: Finding[] = [
    {
      name,
      health: probe.isReachable && probe.isAuthorized ? 'good' : 'bad',
      detail: probe.detail,
    },
  ];
  const missing = missingModels(name, probe, models);
  if (missing.length > 0) {
    const detail = `does not list ${missing.join(', ')}; check providerModel, and that the key may use them`;
    findings.push({ name, health: 'poor', detail });
  }
  const { clockSkewMs } = probe;
  if (clockSkewMs !== null && Math.abs(clockSkewMs) > MOST_SKEW_MS) {
    const detail = `this machine's clock is ${Math.round(Math.abs(clockSkewMs) / 1_000)} s ${clockSkewMs > 0 ? 'behind' : 'ahead of'} the provider's; switch on time synchronisation (NTP)`;
    findings.push({ name: `${name} clock`, health: 'poor', detail });
  }
  return findings;
}

function missingModels(provider: string, probe: ProviderProbe, models: ConfiguredModels): string[] {
  if (probe.models.length === 0) return [];
  return [...models.values()]
    .filter((model) => model.provider === provider)
    .map(({ providerModel }) => providerModel)
    .filter((model) => !probe.models.includes(model));
}
