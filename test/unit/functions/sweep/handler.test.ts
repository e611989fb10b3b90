import { expect, it } from 'vitest';
import { createHandler } from '../../../../functions/sweep/handler.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { lambdaContext } from '../../../support/lambda-events.ts';

const SILENT = { count: () => undefined, log: () => undefined };
const SWEPT = { repaired: 1, announced: 2, unsent: 0 };
const SENT = { delivered: 3, retried: 1, failed: 0 };

it('keeps time back to send and to measure', async () => {
  const clock = new FakeClock();
  const deadlines: number[] = [];
  const noting =
    <Report>(report: Report) =>
    async ({ deadlineMs }: { readonly deadlineMs: number }) => {
      deadlines.push(deadlineMs - clock.nowMs());
      return report;
    };
  const useCases = { sweep: noting(SWEPT), deliverWebhooks: noting(SENT) };
  const handler = createHandler(useCases, clock, SILENT);
  expect(await handler({}, lambdaContext(55_000))).toEqual({ ...SWEPT, webhooks: SENT });
  expect(deadlines).toEqual([45_000, 52_000]);
});

it('sends webhooks though the sweep fails, and sweeps though they fail; the fault is not hidden', async () => {
  const clock = new FakeClock();
  const done: string[] = [];
  const fail = async () => {
    throw new Error('no table');
  };
  const sweep = async () => {
    await Promise.resolve();
    done.push('swept');
    return SWEPT;
  };
  const deliverWebhooks = async () => {
    await Promise.resolve();
    done.push('sent');
    return SENT;
  };
  const one = createHandler({ sweep: fail, deliverWebhooks }, clock, SILENT);
  const other = createHandler({ sweep, deliverWebhooks: fail }, clock, SILENT);
  await expect(one({}, lambdaContext(55_000))).rejects.toThrow('no table');
  await expect(other({}, lambdaContext(55_000))).rejects.toThrow('no table');
  expect(done).toEqual(['sent', 'swept']);
});
