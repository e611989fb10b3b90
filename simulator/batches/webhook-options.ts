import { z } from 'zod';
import { durationMs, share } from '../option-parts.ts';

const LOOPBACK = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

export const webhooksSchema = z.strictObject({
  url: z.url().refine((url) => LOOPBACK.test(new URL(url).hostname), {
    error: 'must be a loopback address: the simulator calls nobody else',
  }),
  secret: z.string().min(1),
  delayMs: durationMs.optional(),
  lostShare: share.optional(),
  duplicateShare: share.optional(),
  outOfOrderShare: share.optional(),
  outOfOrderMs: durationMs.optional(),
  stampedBy: z.enum(['simulator', 'system']).optional(),
});

/** Where events go, and what befalls them on the way. */
export interface WebhookSettings {
  readonly url: string;
  readonly secret: string;
  readonly delayMs: number;
  readonly lostShare: number;
  readonly duplicateShare: number;
  readonly outOfOrderShare: number;
  /** How long an event that comes out of order is held back, so that later ones overtake it. */
  readonly outOfOrderMs: number;
  /** Which clock writes the webhook-timestamp: receivers refuse one 300 s off their own. */
  readonly stampedBy: 'simulator' | 'system';
}

export function resolveWebhooks(options: z.output<typeof webhooksSchema>): WebhookSettings {
  return {
    url: options.url,
    secret: options.secret,
    delayMs: options.delayMs ?? 0,
    lostShare: options.lostShare ?? 0,
    duplicateShare: options.duplicateShare ?? 0,
    outOfOrderShare: options.outOfOrderShare ?? 0,
    outOfOrderMs: options.outOfOrderMs ?? 60_000,
    stampedBy: options.stampedBy ?? 'simulator',
  };
}
