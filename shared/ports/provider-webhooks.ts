/** A provider's word that a batch has ended, checked: anyone can post to a public address. */
export type ProviderWebhook =
  /** Says only that the batch is to be looked at: events come twice, late, and out of order. */
  | {
      readonly kind: 'batch';
      /** Names the event: what comes under it again is a replay, and is to change nothing. */
      readonly webhookId: string;
      /** Such as `batch.completed`. */
      readonly type: string;
      readonly providerBatchId: string;
    }
  /** Genuine, but about something else: to be acknowledged, or it comes again for days. */
  | { readonly kind: 'ignored'; readonly webhookId: string; readonly type: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Verifies a message against a secret and reads it. */
export type ReadProviderWebhook = (
  headers: Readonly<Record<string, string | undefined>>,
  body: string,
  secret: string,
  nowMs: number,
) => ProviderWebhook;

/** Messages from providers that have had their effect. */
export interface ProviderMessages {
  /** True when the message was noted, and for as long as a provider may send it again. */
  isKnown(provider: string, webhookId: string): Promise<boolean>;
  /** Notes a message; a second time changes nothing. Durable on return. */
  note(provider: string, webhookId: string, atMs: number): Promise<void>;
}

/** Open batch jobs, as one who hears of their end can hurry them. */
export interface NativePolling {
  /**
   * Makes the job of this batch due to be looked at now. False when no open job has it, such as one
   * of another system under the same account, or one whose id is not recorded yet.
   */
  pollSoon(provider: string, providerBatchId: string): Promise<boolean>;
}
