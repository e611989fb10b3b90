import { expect, it } from 'vitest';
import { createHandler } from '../../../../functions/sweep/handler.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { lambdaContext } from '../../../support/lambda-events.ts';

it('keeps time back to send and to measure', async () => {
  const clock = new FakeClock();
  const deadlines: number[] = [];
  const handler = createHandler(
    async ({ deadlineMs }) => {
      deadlines.push(deadlineMs - clock.nowMs());
      return { repaired: 1, announced: 2, unsent: 0 };
    },
    clock,
    { count: () => undefined, log: () => undefined },
  );
  expect(await handler({}, lambdaContext(55_000))).toEqual({
    repaired: 1,
    announced: 2,
    unsent: 0,
  });
  expect(deadlines).toEqual([45_000]);
});
