import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  NativePolling,
  ProviderMessages,
  ReadProviderWebhook,
} from '../../ports/provider-webhooks.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

export interface ReceiveProviderWebhookDeps {
  readonly messages: ProviderMessages;
  readonly polling: NativePolling;
  readonly readWebhook: ReadProviderWebhook;
  /** `null` for a provider that is not configured, or has no secret. */
  readonly secretOf: (provider: string) => Promise<string | null>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** What a message did; a provider is told nothing of it. */
export type Receipt = 'polled' | 'unknown_batch' | 'ignored' | 'replayed';

/**
 * Takes a provider's word that a batch has ended: its job is looked at soon. Only that, and once
 * per message; polling finds the same without it.
 *
 * @throws {AppError} `not_found` for a provider that sends none; `signature_refused` for a message
 * that is not genuine, or too old.
 */
export type ReceiveProviderWebhook = (
  provider: string,
  headers: Readonly<Record<string, string | undefined>>,
  body: string,
) => Promise<Receipt>;

export function createReceiveProviderWebhook(
  deps: ReceiveProviderWebhookDeps,
): ReceiveProviderWebhook {
  const { messages, polling, clock, telemetry } = deps;
  return async (provider, headers, body) => {
    const secret = await deps.secretOf(provider);
    if (secret === null) {
      throw new AppError('not_found', 'No provider of that name has a webhookSecret configured');
    }
    const webhook = deps.readWebhook(headers, body, secret, clock.nowMs());
    if (webhook.kind === 'refused') {
      telemetry.log('warn', 'A webhook was refused', { provider, reason: webhook.reason });
      throw new AppError('signature_refused', webhook.reason);
    }
    if (webhook.kind === 'ignored') return 'ignored';
    const { webhookId, type, providerBatchId } = webhook;
    if (await messages.isKnown(provider, webhookId)) return 'replayed';
    const isOurs = await polling.pollSoon(provider, providerBatchId);
    // Noted last: if we die in between, the provider sends it again, and looking twice does no harm.
    await messages.note(provider, webhookId, clock.nowMs());
    telemetry.log('info', 'A provider told of a batch', { provider, type, isOurs });
    return isOurs ? 'polled' : 'unknown_batch';
  };
}
