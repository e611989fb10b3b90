import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { DeliverWebhooks } from '../../shared/usecases/webhooks/deliver-webhooks.ts';

/** From the end of one tick to the next. Unit: ms. */
const EVERY_MS = 1_000;
/** Longest one tick goes on. Unit: ms. */
const TICK_MS = 60_000;

/**
 * Sends webhooks until the signal aborts; resolves once what is under way then has ended. A fault
 * is logged, and the next tick is as good as any.
 */
export async function tickWebhooks(
  deliverWebhooks: DeliverWebhooks,
  clock: Clock,
  telemetry: Telemetry,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await deliverWebhooks({ deadlineMs: clock.nowMs() + TICK_MS, signal });
    } catch (error) {
      telemetry.log('error', 'Webhooks could not be sent', { error });
    }
    await clock.sleep(EVERY_MS, signal);
  }
}
