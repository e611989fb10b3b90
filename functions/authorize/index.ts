import { createFunctionHandler } from '../../shared/runtime/function-handler.ts';
import { createFunctionTelemetry } from '../../shared/runtime/telemetry.ts';
import { createHandler, Unauthorized } from './handler.ts';
import { wireAuthenticateKey } from './wire.ts';

export const handler = createFunctionHandler({
  telemetry: createFunctionTelemetry,
  wire: () => createHandler(wireAuthenticateKey(process.env)),
  isAnswer: (error) => error instanceof Unauthorized,
});
