import { readFileSync } from 'node:fs';
import type { ApiKey, PenstockConfig } from '../shared/contracts/config.ts';
import { readConfigText } from '../shared/runtime/config-document.ts';
import { DeploymentFault } from './deployment-fault.ts';

/** A penstock.yaml that may be deployed. */
export interface DeployedConfig {
  readonly text: string;
  /** Names, or whole ARNs, of the secrets it refers to; each once, in order. */
  readonly secretNames: readonly string[];
  /** The same of what providers sign their webhooks with. */
  readonly webhookSecretNames: readonly string[];
}

/** What an advanced parameter of Systems Manager holds. Unit: bytes. */
export const MAX_CONFIG_BYTES = 8 * 1_024;

/**
 * Reads the file that is going to be deployed.
 *
 * @throws {DeploymentFault} when it is absent, faulty, too large, or holds what a deployment must not:
 * secrets in the open, or variables, which nothing fills in on AWS.
 */
export function readDeployedConfig(file: string): DeployedConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new DeploymentFault(
      `config: ${file} cannot be read. Name yours with -c config=FILE; examples/aws/penstock.yaml is one to begin with`,
    );
  }
  return checkDeployedConfig(text, file);
}

/** As `readDeployedConfig`, for a text at hand; `source` names it in errors. */
export function checkDeployedConfig(text: string, source: string): DeployedConfig {
  const config = parse(text, source);
  const faults = [...openSecrets(config), ...sizeFaults(text), ...formFaults(text)];
  if (faults.length > 0) {
    throw new DeploymentFault(
      `${source} cannot be deployed:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
  const providers = [...config.providers.values()];
  return {
    text,
    secretNames: secretNames(providers.map(({ apiKey }) => apiKey)),
    webhookSecretNames: secretNames(providers.map(({ webhookSecret }) => webhookSecret)),
  };
}

function secretNames(keys: readonly (ApiKey | null)[]): string[] {
  const names = keys.flatMap((key) => (key?.kind === 'secret' ? [key.name] : []));
  return [...new Set(names)].toSorted();
}

function parse(text: string, source: string): PenstockConfig {
  try {
    return readConfigText(text, source, {
      environment: {},
      needsKeys: true,
      hasSecretStore: true,
    });
  } catch (error) {
    throw new DeploymentFault(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

function openSecrets({ providers, server }: PenstockConfig): string[] {
  const keys = [...providers].flatMap(([name, { apiKey, webhookSecret }]) =>
    Object.entries({ apiKey, webhookSecret }).flatMap(([field, key]) =>
      key?.kind === 'value'
        ? [
            `providers.${name}.${field} holds the secret itself; write "secretsmanager:NAME" and keep it there`,
          ]
        : [],
    ),
  );
  const callers =
    server.apiKeys.length > 0
      ? ['server.apiKeys is for penstock serve; a deployment has penstock keys create']
      : [];
  return [...keys, ...callers];
}

function sizeFaults(text: string): string[] {
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_CONFIG_BYTES
    ? [
        `it has ${bytes} bytes and a parameter holds ${MAX_CONFIG_BYTES}; leave out comments, and what the catalog knows`,
      ]
    : [];
}

function formFaults(text: string): string[] {
  if (text.includes('{{'))
    return ['it contains "{{", which Systems Manager refuses; put a space between'];
  return [];
}
