import type { Context } from 'aws-lambda';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { TickReport } from '../../shared/usecases/native/native-deps.ts';
import type { TickNative } from '../../shared/usecases/native/tick-native.ts';

/** Kept back from the Lambda deadline: nothing is begun in it, and calls in flight end. Unit: ms. */
const RESERVE_MS = 20_000;
/** Of that, after calls were ended, to write down where things stand. Unit: ms. */
const LAST_WORDS_MS = 10_000;

/** Adapts one start by the clock to a tick. */
export function createHandler(tick: TickNative, clock: Clock, telemetry: Telemetry) {
  return async (_event: unknown, context: Context): Promise<TickReport> => {
    const leftMs = context.getRemainingTimeInMillis();
    const report = await tick({
      deadlineMs: clock.nowMs() + leftMs - RESERVE_MS,
      signal: AbortSignal.timeout(Math.max(0, leftMs - LAST_WORDS_MS)),
    });
    telemetry.log('info', 'Ticked', { ...report });
    return report;
  };
}
