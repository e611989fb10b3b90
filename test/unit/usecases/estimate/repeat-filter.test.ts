import { describe, expect, it } from 'vitest';
import { createRepeatFilter } from '../../../../shared/usecases/estimate/repeat-filter.ts';

describe('createRepeatFilter', () => {
  it('knows a text by its third showing at the latest', () => {
    const filter = createRepeatFilter();
    expect([1, 2, 3].map(() => filter.seen('The same system prompt.'))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('never takes texts of one template for one text', () => {
    const filter = createRepeatFilter();
    const showings = Array.from({ length: 500 }, (_, at) =>
      filter.seen(
        `${'Classify this ticket. '.repeat(40)} Number ${1000 + at}, ${'thank you. '.repeat(40)}`,
      ),
    );
    expect(showings).not.toContain(true);
  });
});
