import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SqliteCommitMarks } from '../../../../shared/adapters/sqlite/commit-marks.ts';
import { openDatabase } from '../../../../shared/adapters/sqlite/database.ts';
import type { PayloadPointer } from '../../../../shared/domain/requests/request.ts';

const SEGMENT = 'results-000001.jsonl';

/** Lines of these lengths, one behind the other. */
function layOut(lengths: readonly number[]): PayloadPointer[] {
  let offset = 0;
  return lengths.map((length) => {
    const pointer = { segment: SEGMENT, offset, length };
    offset += length + 1;
    return pointer;
  });
}

const endOf = ({ offset, length }: PayloadPointer) => offset + length + 1;

it('moves over lines without a gap only, in whatever order they are committed', async () => {
  const lines = fc
    .array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 30 })
    .map(layOut);
  const orders = lines.chain((pointers) =>
    fc.tuple(
      fc.constant(pointers),
      fc.shuffledSubarray(pointers),
      // Some come twice: adopted, and committed by a zombie.
      fc.subarray(pointers),
    ),
  );
  await fc.assert(
    fc.asyncProperty(orders, async ([pointers, once, again]) => {
      const database = openDatabase(':memory:');
      const marks = new SqliteCommitMarks(database);
      const committed = new Set<PayloadPointer>();
      for (const pointer of [...once, ...again.filter((one) => once.includes(one))]) {
        marks.add([pointer]);
        committed.add(pointer);
        const gap = pointers.find((one) => !committed.has(one));
        const last = pointers.at(-1);
        const expected = gap ? gap.offset : last ? endOf(last) : 0;
        expect((await marks.marks()).get(SEGMENT)).toBe(expected);
      }
      await database.close();
    }),
  );
});

it('keeps on disk what was saved, and never more than was committed', async () => {
  const database = openDatabase(':memory:');
  const [first, second, third] = layOut([10, 20, 30]);
  if (!first || !second || !third) return expect.unreachable();
  const marks = new SqliteCommitMarks(database);
  marks.add([third, first]);
  database.transaction(() => marks.save());
  const reopened = async () => (await new SqliteCommitMarks(database).marks()).get(SEGMENT);
  expect(await reopened()).toBe(endOf(first));

  // Closing the gap also takes in what was committed behind it.
  await marks.advance(SEGMENT, endOf(second));
  expect(await reopened()).toBe(endOf(third));
  await marks.advance(SEGMENT, 1);
  expect(await reopened()).toBe(endOf(third));
  await database.close();
});

it('joins what was committed ahead once an adopter has closed the gap', async () => {
  const database = openDatabase(':memory:');
  const [first, second, third] = layOut([10, 20, 30]);
  if (!first || !second || !third) return expect.unreachable();
  const marks = new SqliteCommitMarks(database);
  marks.add([third]);
  await marks.advance(SEGMENT, endOf(first));
  await marks.advance(SEGMENT, endOf(second));
  expect((await marks.marks()).get(SEGMENT)).toBe(endOf(third));
  await database.close();
});
