import type { Context } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lambdaContext } from '../../support/lambda-events.ts';

/** What the functions wrote to their log. */
const written: string[] = [];

beforeEach(() => {
  written.length = 0;
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => written.push(line));
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

type Exported = (event: never, context: Context) => Promise<unknown>;

describe.each([
  ['api', () => import('../../../functions/api/index.ts')],
  ['authorize', () => import('../../../functions/authorize/index.ts')],
  ['dispatch', () => import('../../../functions/dispatch/index.ts')],
  ['sweep', () => import('../../../functions/sweep/index.ts')],
  ['poll-native-batches', () => import('../../../functions/poll-native-batches/index.ts')],
  ['record-dead-letter', () => import('../../../functions/record-dead-letter/index.ts')],
] as const)('what %s exports', (_, load) => {
  it('is the whole function: it names what its environment lacks, in a log of the invocation', async () => {
    const { handler }: { readonly handler: unknown } = await load();
    const call = (handler as Exported)({} as never, lambdaContext());
    await expect(call).rejects.toThrow(/The environment has [2-9] faults: PENSTOCK_\w+ is not set/);
    expect(JSON.parse(written.at(-1) ?? '')).toMatchObject({
      level: 'ERROR',
      message: 'The function failed',
      function_request_id: 'invocation-1',
    });
  });
});
