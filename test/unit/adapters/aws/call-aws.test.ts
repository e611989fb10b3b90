import { expect, it } from 'vitest';
import { createAwsCaller } from '../../../../shared/adapters/aws/call-aws.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

const failure = (name: string, details: object = {}) =>
  Object.assign(new Error(`${name}, made up by the test`), { name }, details);

/** Calls what fails so many times, and then answers. */
async function callThrough(errors: readonly Error[]) {
  const clock = new FakeClock();
  const callAws = createAwsCaller({ clock, random: createSeededRandom(7) });
  let calls = 0;
  const beganAtMs = clock.nowMs();
  const work = callAws('DynamoDB', async () => {
    const error = errors[calls];
    calls += 1;
    if (error !== undefined) throw error;
    return 'answer';
  });
  const ended = await clock.runUntil(
    work.then(
      (value) => ({ value }),
      (error) => ({ error }),
    ),
  );
  return { ...ended, calls, tookMs: clock.nowMs() - beganAtMs };
}

it.each([
  ['a throttle', failure('ThrottlingException', { $metadata: { httpStatusCode: 400 } })],
  ['a status of 429', failure('Strange', { $metadata: { httpStatusCode: 429 } })],
  ['a fault of the service', failure('Strange', { $metadata: { httpStatusCode: 500 } })],
  ['a lost connection', failure('Error', { code: 'ECONNRESET' })],
  ['an answer that did not come in time', failure('TimeoutError')],
  [
    'a transaction that met another',
    failure('TransactionCanceledException', {
      $metadata: { httpStatusCode: 400 },
      CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }],
    }),
  ],
])('tries again after %s', async (_, error) => {
  expect(await callThrough([error, error])).toMatchObject({ value: 'answer', calls: 3 });
});

it.each([
  ['a mistake of ours', failure('ValidationException', { $metadata: { httpStatusCode: 400 } })],
  ['a failed condition', failure('ConditionalCheckFailedException')],
  ['a bug', new TypeError('undefined is not a function')],
  [
    'a transaction whose condition failed',
    failure('TransactionCanceledException', {
      CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'TransactionConflict' }],
    }),
  ],
])('passes on %s at once, as it is', async (_, error) => {
  expect(await callThrough([error])).toEqual({ error, calls: 1, tookMs: 0 });
});

it('gives up a fault with the last error, and a throttle as spent capacity', async () => {
  const fault = failure('InternalError', { $metadata: { httpStatusCode: 500 } });
  const faults = await callThrough(new Array(20).fill(fault));
  expect(faults).toMatchObject({ error: fault, calls: 6 });
  expect(faults.tookMs).toBeLessThan(2_000);
  const throttles = await callThrough(new Array(20).fill(failure('SlowDown')));
  expect(throttles).toMatchObject({
    calls: 6,
    error: { code: 'capacity_exhausted', details: { service: 'DynamoDB', retryAfterMs: 2_000 } },
  });
  expect(throttles.tookMs).toBeLessThan(8_000);
});
