import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../../functions/dispatch/handler.ts';
import { encodeNotice } from '../../../../shared/contracts/queue-message.ts';
import type { SliceNotice } from '../../../../shared/ports/request-queue.ts';
import type { DispatchSlices } from '../../../../shared/usecases/dispatch-slices.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { lambdaContext, sqsEvent } from '../../../support/lambda-events.ts';

const NOTICE: SliceNotice = { tenant: 't', slice: 'req_a.0', model: 'm', priority: 9 };
const REPORT = { reason: 'parked', sent: 3, succeeded: 1, failed: 0, throttled: 2 } as const;

function start(dispatchSlices?: DispatchSlices) {
  const clock = new FakeClock();
  const calls: { notices: readonly SliceNotice[]; deadlineMs: number }[] = [];
  const logged: string[] = [];
  const released: string[] = [];
  const handler = createHandler(
    dispatchSlices ??
      (async (notices, { deadlineMs }) => {
        calls.push({ notices, deadlineMs });
        return REPORT;
      }),
    async (messages) => {
      released.push(...messages.map(({ receiptHandle }) => receiptHandle));
    },
    clock,
    {
      count: () => undefined,
      log: (_, message, fields) => logged.push(`${message} ${JSON.stringify(fields)}`),
    },
  );
  return { handler, calls, logged, released, clock };
}

describe('the dispatch handler', () => {
  it('acknowledges every notice, whatever became of its slice', async () => {
    const { handler, calls } = start();
    const response = await handler(sqsEvent([encodeNotice(NOTICE)]), lambdaContext());
    expect(response).toEqual({ batchItemFailures: [] });
    expect(calls.map(({ notices }) => notices)).toEqual([[NOTICE]]);
  });

  it('keeps time back to publish and to hand back', async () => {
    const { handler, calls, clock } = start();
    await handler(sqsEvent([encodeNotice(NOTICE)]), lambdaContext(300_000));
    expect(calls[0]?.deadlineMs).toBe(clock.nowMs() + 295_000);
  });

  it('fails poison by its id, and nothing beside it', async () => {
    const { handler, calls, logged, released } = start();
    const poison = ['not json', '{}', '{"v":99}', JSON.stringify({ ...NOTICE, v: 1, slice: '' })];
    const response = await handler(sqsEvent([...poison, encodeNotice(NOTICE)]), lambdaContext());
    expect(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([
      'message-0',
      'message-1',
      'message-2',
      'message-3',
    ]);
    expect(calls.flatMap(({ notices }) => notices)).toEqual([NOTICE]);
    expect(released).toEqual(['receipt-0', 'receipt-1', 'receipt-2', 'receipt-3']);
    expect(logged.join()).not.toContain('not json');
  });

  it('begins nothing when all is poison', async () => {
    const { handler, calls } = start();
    const response = await handler(sqsEvent(['x']), lambdaContext());
    expect(response.batchItemFailures).toHaveLength(1);
    expect(calls).toEqual([]);
  });

  it('fails as a whole when the use case does, so that SQS delivers again', async () => {
    const { handler } = start(() => Promise.reject(new Error('results cannot be kept')));
    const attempt = handler(sqsEvent([encodeNotice(NOTICE)]), lambdaContext());
    await expect(attempt).rejects.toThrow('results cannot be kept');
  });
});
