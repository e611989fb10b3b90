/** penstock.yaml where it is kept with a deployment, and changed without deploying code. */

import type { PenstockConfig } from '../contracts/config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readConfigText } from './config-document.ts';
import { type ConfiguredModels, loadModels } from './configured-models.ts';
import type { Environment } from './parse-env.ts';

/** A configuration in use. The same object as long as the text is the same. */
export interface Deployment {
  readonly config: PenstockConfig;
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
}

export interface StoredConfigOptions {
  readonly readText: () => Promise<string>;
  readonly source: string;
  /** For `${VARIABLE}` in the text. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** How long a configuration is used before its text is read again. Unit: ms. */
const KEPT_MS = 60_000;

/**
 * The configuration as it is now, at most a minute old. When a later text is faulty or cannot be
 * read, the last good one stays in use and the fault is logged.
 *
 * @throws {AppError} `invalid_configuration` naming every fault, while there was no good one yet.
 */
export function createStoredConfig(options: StoredConfigOptions): () => Promise<Deployment> {
  const { clock, telemetry, source } = options;
  let current: { text: string; deployment: Deployment; readAtMs: number } | null = null;
  let reading: Promise<Deployment> | null = null;

  return async () => {
    if (current !== null && clock.nowMs() - current.readAtMs < KEPT_MS) return current.deployment;
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  async function read(): Promise<Deployment> {
    try {
      const text = await options.readText();
      const deployment = current?.text === text ? current.deployment : await parse(text);
      current = { text, deployment, readAtMs: clock.nowMs() };
      return deployment;
    } catch (error) {
      if (current === null) throw error;
      telemetry.log('error', 'The configuration cannot be used; the last one stays', { error });
      current.readAtMs = clock.nowMs();
      return current.deployment;
    }
  }

  async function parse(text: string): Promise<Deployment> {
    // A key that is missing takes its own provider out of use, and no other.
    const rules = { environment: options.environment, needsKeys: false, hasSecretStore: true };
    const config = readConfigText(text, source, rules);
    return { config, models: await loadModels(config, { source }), source };
  }
}
