import { describe, expect, it } from 'vitest';
import {
  parseCompletionWindow,
  writeCompletionWindow,
} from '../../../../shared/domain/lanes/completion-window.ts';

describe('completion window', () => {
  it.each(['1s', '90s', '15m', '1h', '24h', '36h', '7d', '30d'])(
    'is written as it was read: %s',
    (written) => {
      expect(writeCompletionWindow(parseCompletionWindow(written) ?? 0)).toBe(written);
    },
  );

  it('is written in the largest unit that fits, and a day in hours', () => {
    expect(writeCompletionWindow(3_600_000)).toBe('1h');
    expect(writeCompletionWindow(86_400_000)).toBe('24h');
    expect(writeCompletionWindow(172_800_000)).toBe('2d');
  });
});
