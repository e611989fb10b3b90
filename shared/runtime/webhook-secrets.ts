import type { PenstockConfig } from '../contracts/config.ts';

/**
 * Secrets that providers sign their webhooks with, as penstock.yaml names them. `null` for a
 * provider that has none; rejects when a secret cannot be read.
 */
export function createWebhookSecrets(
  { providers }: PenstockConfig,
  readSecret: (name: string) => Promise<string>,
): (provider: string) => Promise<string | null> {
  return async (provider) => {
    const secret = providers.get(provider)?.webhookSecret ?? null;
    switch (secret?.kind) {
      case 'value':
        return secret.value;
      case 'secret':
        return (await readSecret(secret.name)).trim() || null;
      default:
        return null;
    }
  };
}
