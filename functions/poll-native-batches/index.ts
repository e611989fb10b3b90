import { NO_NATIVE_JOBS } from '../../shared/adapters/memory/no-native-jobs.ts';
import { createFunctionHandler } from '../../shared/runtime/function-handler.ts';
import { createFunctionTelemetry } from '../../shared/runtime/telemetry.ts';
import { createPollNativeBatches } from '../../shared/usecases/poll-native-batches.ts';
import { createHandler } from './handler.ts';

export const handler = createFunctionHandler({
  telemetry: createFunctionTelemetry,
  wire: (telemetry) =>
    createHandler(createPollNativeBatches({ jobs: NO_NATIVE_JOBS, telemetry }), telemetry),
});
