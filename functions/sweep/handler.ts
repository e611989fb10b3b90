import type { Context } from 'aws-lambda';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { Sweep, SweepReport } from '../../shared/usecases/sweep.ts';
import type {
  DeliverWebhooks,
  DeliverWebhooksReport,
} from '../../shared/usecases/webhooks/deliver-webhooks.ts';

/** Kept back from the Lambda deadline to send what was found and to measure. Unit: ms. */
const RESERVE_MS = 10_000;
/** Kept back to note how the last webhooks went. Unit: ms. */
const DELIVERY_RESERVE_MS = 3_000;

export interface TickReport extends SweepReport {
  readonly webhooks: DeliverWebhooksReport;
}

/**
 * Adapts one tick to the use cases, which run beside each other: neither waits for the other, and
 * a fault of one does not end the other.
 */
export function createHandler(
  { sweep, deliverWebhooks }: { readonly sweep: Sweep; readonly deliverWebhooks: DeliverWebhooks },
  clock: Clock,
  telemetry: Telemetry,
) {
  return async (_event: unknown, context: Context): Promise<TickReport> => {
    const endsAtMs = clock.nowMs() + context.getRemainingTimeInMillis();
    const [swept, delivered] = await Promise.allSettled([
      sweep({ deadlineMs: endsAtMs - RESERVE_MS }),
      deliverWebhooks({ deadlineMs: endsAtMs - DELIVERY_RESERVE_MS }),
    ]);
    if (swept.status === 'rejected') throw swept.reason;
    if (delivered.status === 'rejected') throw delivered.reason;
    const report = { ...swept.value, webhooks: delivered.value };
    telemetry.log('info', 'Swept', report);
    return report;
  };
}
