import { describe, expect, it } from 'vitest';
import { createFunctionHandler } from '../../../shared/runtime/function-handler.ts';
import type { FunctionTelemetry } from '../../../shared/runtime/telemetry.ts';
import { lambdaContext } from '../../support/lambda-events.ts';

function start(
  wire: () => (event: string) => Promise<string>,
  isAnswer?: (error: unknown) => boolean,
) {
  const happened: string[] = [];
  const telemetry: FunctionTelemetry = {
    begin: ({ awsRequestId }) => happened.push(`begin ${awsRequestId}`),
    flush: () => happened.push('flush'),
    count: () => undefined,
    log: (level, message) => happened.push(`${level} ${message}`),
  };
  const handler = createFunctionHandler({
    telemetry: () => {
      happened.push('telemetry');
      return telemetry;
    },
    wire: () => {
      happened.push('wire');
      return wire();
    },
    ...(isAnswer && { isAnswer }),
  });
  return { handler, happened };
}

describe('a function', () => {
  it('does nothing while it loads, and wires once', async () => {
    const { handler, happened } = start(() => async (event) => `${event}!`);
    expect(happened).toEqual([]);
    expect(await handler('a', lambdaContext())).toBe('a!');
    expect(await handler('b', lambdaContext())).toBe('b!');
    const each = ['begin invocation-1', 'flush'];
    expect(happened).toEqual(['telemetry', 'begin invocation-1', 'wire', 'flush', ...each]);
  });

  it('logs a fault and writes its metrics, and fails', async () => {
    const { handler, happened } = start(() => () => Promise.reject(new Error('broken')));
    await expect(handler('a', lambdaContext())).rejects.toThrow('broken');
    expect(happened.slice(-2)).toEqual(['error The function failed', 'flush']);
  });

  it('does not log an error that is an answer', async () => {
    const { handler, happened } = start(
      () => () => Promise.reject(new RangeError('no')),
      (error) => error instanceof RangeError,
    );
    await expect(handler('a', lambdaContext())).rejects.toThrow('no');
    expect(happened.join()).not.toContain('error');
  });

  it('wires again after that failed', async () => {
    let tries = 0;
    const { handler } = start(() => {
      tries += 1;
      if (tries === 1) throw new Error('no table yet');
      return async () => 'works';
    });
    await expect(handler('a', lambdaContext())).rejects.toThrow('no table yet');
    expect(await handler('a', lambdaContext())).toBe('works');
  });
});
