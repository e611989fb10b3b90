import { expect, it } from 'vitest';
import { NO_USAGE } from '../../../shared/domain/cost/usage.ts';
import { DispatchTally } from '../../../shared/usecases/dispatch/dispatch-tally.ts';
import { outcomeOf } from '../../contract/builders.ts';

it('counts answers that came without usage, and no others', () => {
  const tally = new DispatchTally();
  const request = { id: 'a', tenant: 't' };
  tally.published(outcomeOf(request, { usage: NO_USAGE }));
  tally.published(outcomeOf(request, { usage: { ...NO_USAGE, outputTokens: 1 } }));
  tally.published(outcomeOf(request, { usage: NO_USAGE, status: 'failed' }));
  expect(tally).toMatchObject({ unmetered: 1, succeeded: 2, failed: 1 });
});
