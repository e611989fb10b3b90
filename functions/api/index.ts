import { createFunctionHandler } from '../../shared/runtime/function-handler.ts';
import { createFunctionTelemetry } from '../../shared/runtime/telemetry.ts';
import { createHandler } from './handler.ts';
import { wireApi } from './wire.ts';

export const handler = createFunctionHandler({
  telemetry: createFunctionTelemetry,
  wire: (telemetry) => createHandler(wireApi(process.env, telemetry)),
});
