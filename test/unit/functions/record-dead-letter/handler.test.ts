import { expect, it } from 'vitest';
import { createHandler } from '../../../../functions/record-dead-letter/handler.ts';
import type { DeadLetter } from '../../../../shared/ports/dead-letters.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { sqsEvent } from '../../../support/lambda-events.ts';

it('names the messages that could not be recorded, so that they stay in the queue', async () => {
  const clock = new FakeClock();
  const seen: DeadLetter[] = [];
  const handler = createHandler(async (letters) => {
    seen.push(...letters);
    return ['message-1'];
  }, clock);
  expect(await handler(sqsEvent(['a', 'b']))).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-1' }],
  });
  expect(seen[0]).toEqual({
    id: 'message-0',
    body: 'a',
    receives: 1,
    sentAtMs: 1_700_000_000_000,
    recordedAtMs: clock.nowMs(),
  });
});
