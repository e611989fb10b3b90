import type { Context } from 'aws-lambda';
import type { FunctionTelemetry } from './telemetry.ts';

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

export interface FunctionHandlerOptions<Event, Result> {
  readonly telemetry: () => FunctionTelemetry;
  /** Makes what invocations share: clients and caches. Tried again when it failed. */
  readonly wire: (
    telemetry: FunctionTelemetry,
  ) => Handler<Event, Result> | Promise<Handler<Event, Result>>;
  /** True for an error that is an answer and no fault. @default none is */
  readonly isAnswer?: (error: unknown) => boolean;
}

/**
 * The function as Lambda calls it. Nothing is read or connected before the first invocation;
 * every invocation is named in logs and writes its metrics, also when it fails.
 */
export function createFunctionHandler<Event, Result>({
  telemetry: createTelemetry,
  wire,
  isAnswer = () => false,
}: FunctionHandlerOptions<Event, Result>): Handler<Event, Result> {
  const telemetryOf = once(createTelemetry);
  let wired: Promise<Handler<Event, Result>> | null = null;

  return async (event, context) => {
    const telemetry = telemetryOf();
    telemetry.begin(context);
    try {
      wired ??= Promise.resolve(wire(telemetry));
      return await (await forgetOnFailure(wired))(event, context);
    } catch (error) {
      if (!isAnswer(error)) telemetry.log('error', 'The function failed', { error });
      throw error;
    } finally {
      telemetry.flush();
    }
  };

  function forgetOnFailure(pending: Promise<Handler<Event, Result>>) {
    return pending.catch((error: unknown) => {
      wired = null;
      throw error;
    });
  }
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
