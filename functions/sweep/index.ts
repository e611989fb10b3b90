import { systemClock } from '../../shared/adapters/system/clock.ts';
import { createFunctionHandler } from '../../shared/runtime/function-handler.ts';
import { createFunctionTelemetry } from '../../shared/runtime/telemetry.ts';
import { createHandler } from './handler.ts';
import { wireDeliverWebhooks, wireSweep } from './wire.ts';

export const handler = createFunctionHandler({
  telemetry: createFunctionTelemetry,
  wire: (telemetry) =>
    createHandler(
      {
        sweep: wireSweep(process.env, telemetry),
        deliverWebhooks: wireDeliverWebhooks(process.env, telemetry),
      },
      systemClock,
      telemetry,
    ),
});
