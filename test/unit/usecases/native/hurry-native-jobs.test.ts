import { expect, it } from 'vitest';
import { createNativePolling } from '../../../../shared/usecases/native/hurry-native-jobs.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('makes the job of a batch due now, and leaves alone who looks at it, what is due and others', async () => {
  const clock = new FakeClock();
  const later = clock.nowMs() + 60_000;
  const job = { provider: 'openai', batchId: 'batch_1', dueAtMs: later, isClaimed: false };
  const written: (typeof job)[] = [];
  const hurry = (jobs: (typeof job)[], isFirst = true) =>
    createNativePolling(
      {
        open: async () => jobs,
        async update(changed) {
          written.push(changed);
          return isFirst;
        },
      },
      clock,
    ).pollSoon('openai', 'batch_1');
  const others = [
    { ...job, batchId: 'batch_2' },
    { ...job, provider: 'other' },
  ];
  expect(await hurry(others)).toBe(false);
  expect(await hurry([...others, { ...job, isClaimed: true }])).toBe(true);
  expect(await hurry([{ ...job, dueAtMs: clock.nowMs() }])).toBe(true);
  expect(written).toEqual([]);
  expect(await hurry([...others, job])).toBe(true);
  expect(await hurry([job], false)).toBe(true);
  expect(written).toEqual(Array(2).fill({ ...job, dueAtMs: clock.nowMs() }));
});
