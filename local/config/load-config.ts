import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type PenstockConfig, parseConfig } from '../../shared/contracts/config.ts';
import type { Environment } from '../../shared/contracts/config-variables.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { faultyConfig } from '../../shared/runtime/config-document.ts';
import { readConfigFile } from './read-config-file.ts';

export const DEFAULT_CONFIG_FILE = 'penstock.yaml';

export interface LoadedConfig {
  readonly config: PenstockConfig;
  /** The file it came from; `null` when the environment alone was enough. */
  readonly path: string | null;
}

export interface LoadConfigOptions {
  /** Named on the command line. */
  readonly path?: string | undefined;
  readonly directory: string;
  readonly environment: Environment;
  /** False where nothing is sent. */
  readonly needsKeys: boolean;
}

/**
 * The configuration named, else `penstock.yaml` where there is one, else what the environment's
 * keys make possible.
 *
 * @throws {AppError} `invalid_configuration` naming every fault.
 */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const { directory, environment, needsKeys } = options;
  const rules = { environment, needsKeys, hasSecretStore: false };
  const path = options.path ?? DEFAULT_CONFIG_FILE;
  if (options.path !== undefined || existsSync(resolve(directory, path))) {
    return { config: readConfigFile(resolve(directory, path), rules), path };
  }
  const providers = providersFromEnvironment(environment, needsKeys);
  if (Object.keys(providers).length === 0) {
    throw new AppError(
      'invalid_configuration',
      `No ${DEFAULT_CONFIG_FILE} here, and neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set. Set one of them, or write a ${DEFAULT_CONFIG_FILE} (docs/configuration.md).`,
    );
  }
  const parsed = parseConfig({ providers }, rules);
  if (parsed.kind === 'valid') return { config: parsed.config, path: null };
  throw faultyConfig(
    'The environment',
    parsed.faults.map(({ path: where, message }) => ({
      line: null,
      path: where.join('.'),
      message,
    })),
  );
}

/** Both vendors' own variables; the address of an OpenAI-compatible server may come without a key. */
function providersFromEnvironment(
  environment: Environment,
  needsKeys: boolean,
): Record<string, Record<string, string>> {
  const openaiUrl = environment['OPENAI_BASE_URL'] ?? '';
  const anthropicUrl = environment['ANTHROPIC_BASE_URL'] ?? '';
  const has = (variable: string): boolean => !needsKeys || Boolean(environment[variable]);
  return {
    ...(has('OPENAI_API_KEY') || openaiUrl !== ''
      ? {
          openai: {
            dialect: 'openai',
            apiKey: has('OPENAI_API_KEY') ? `\${OPENAI_API_KEY}` : 'none',
            ...(openaiUrl === '' ? {} : { baseUrl: openaiUrl }),
          },
        }
      : {}),
    ...(has('ANTHROPIC_API_KEY')
      ? {
          anthropic: {
            dialect: 'anthropic',
            apiKey: `\${ANTHROPIC_API_KEY}`,
            ...(anthropicUrl === '' ? {} : { baseUrl: anthropicUrl }),
          },
        }
      : {}),
  };
}
