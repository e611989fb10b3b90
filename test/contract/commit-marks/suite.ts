import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommitMarkStore } from '../../../shared/ports/result-log-reader.ts';

export interface MarksUnderTest {
  readonly marks: CommitMarkStore;
  /** The store as the next process finds it. */
  reopen(): Promise<CommitMarkStore>;
  close(): Promise<void>;
}

/** What every CommitMarkStore must do. Each is made empty. */
export function defineCommitMarksContract(
  name: string,
  makeMarks: () => Promise<MarksUnderTest>,
): void {
  describe(`CommitMarkStore on ${name}`, () => {
    let store: MarksUnderTest;

    beforeEach(async () => {
      store = await makeMarks();
    });
    afterEach(() => store.close());

    it('keeps a mark for each segment, for the next process too', async () => {
      expect([...(await store.marks.marks())]).toEqual([]);
      await store.marks.advance('t/a/results/w/2.jsonl', 40);
      await store.marks.advance('t/a/results/w/1.jsonl', 7);
      for (const marks of [store.marks, await store.reopen()]) {
        expect(Object.fromEntries(await marks.marks())).toEqual({
          't/a/results/w/1.jsonl': 7,
          't/a/results/w/2.jsonl': 40,
        });
      }
    });

    it('never moves a mark back', async () => {
      for (const offset of [10, 300, 200, 300, 1]) await store.marks.advance('segment', offset);
      expect((await (await store.reopen()).marks()).get('segment')).toBe(300);
    });

    it('ends at the furthest of many marks set at once', async () => {
      const offsets = Array.from({ length: 20 }, (_, index) => ((index * 7) % 20) + 1);
      await Promise.all(offsets.map((offset) => store.marks.advance('segment', offset)));
      expect((await store.marks.marks()).get('segment')).toBe(20);
    });
  });
}
