import { systemClock } from '../../shared/adapters/system/clock.ts';
import { createFunctionHandler } from '../../shared/runtime/function-handler.ts';
import { createFunctionTelemetry } from '../../shared/runtime/telemetry.ts';
import { createHandler } from './handler.ts';
import { wireAdvanceBatch } from './wire.ts';

export const handler = createFunctionHandler({
  telemetry: createFunctionTelemetry,
  wire: (telemetry) =>
    createHandler(wireAdvanceBatch(process.env, telemetry), systemClock, telemetry),
});
