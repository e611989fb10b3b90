import { expect, it } from 'vitest';
import { bindingLimit } from '../../../../shared/domain/capacity/backlog-time.ts';

const WORK = { requests: 600, inputTokens: 30_000, maxOutputTokens: 6_000 };

it.each([
  ['requests', { requests: 100, totalTokens: 36_000 }, 360_000],
  ['totalTokens', { requests: 6_000, totalTokens: 36_000 }, 60_000],
  ['outputTokens', { inputTokens: 60_000, outputTokens: 6_000 }, 60_000],
] as const)('finds that %s bind', (dimension, perMinute, durationMs) => {
  expect(bindingLimit(WORK, perMinute)).toMatchObject({ dimension, durationMs });
});

it('knows none where none is set', () => {
  expect(bindingLimit(WORK, {})).toBeNull();
});
