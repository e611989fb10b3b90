import { expect, it } from 'vitest';
import { createHandler } from '../../../../functions/poll-native-batches/handler.ts';
import type { TickTerms } from '../../../../shared/usecases/native/native-deps.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { lambdaContext } from '../../../support/lambda-events.ts';

it('gives a tick the time it has, less what is needed to stop with care', async () => {
  const clock = new FakeClock();
  const report = { built: 1, submitted: 0, polled: 0, ended: 0, settled: 0, failed: 0, stops: [] };
  const terms: TickTerms[] = [];
  const logged: unknown[] = [];
  const handler = createHandler(
    async (given) => {
      terms.push(given);
      return report;
    },
    clock,
    { count: () => undefined, log: (_level, _message, fields) => logged.push(fields) },
  );
  const context = { ...lambdaContext(), getRemainingTimeInMillis: () => 300_000 };
  expect(await handler({}, context)).toEqual(report);
  expect(terms.map(({ deadlineMs }) => deadlineMs - clock.nowMs())).toEqual([280_000]);
  expect(terms[0]?.signal.aborted).toBe(false);
  expect(logged).toEqual([report]);
});
