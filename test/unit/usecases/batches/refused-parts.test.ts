import { expect, it } from 'vitest';
import { systemRandom } from '../../../../shared/adapters/system/random.ts';
import { MAX_UPLOAD_PARTS } from '../../../../shared/contracts/limits.ts';
import { timeId } from '../../../../shared/domain/time-id.ts';
import {
  refusedParts,
  withRefusedPart,
} from '../../../../shared/usecases/batches/refused-parts.ts';
import { makeBatch } from '../../../support/make-batch.ts';
import { MemoryContents } from '../../../support/memory-contents.ts';

it('keeps a record small, however many parts it has', async () => {
  const contents = new MemoryContents();
  let batch = makeBatch();
  const all = Array.from({ length: 1_203 }, (_, index) => ({
    blob: `${batch.id}-refused-${index * 4_194_304}`,
    bytes: index,
  }));
  for (const part of all) {
    const next = { ...batch.refused, ...(await withRefusedPart(contents, batch, part)) };
    // Whoever dies here comes again with the same.
    await withRefusedPart(contents, batch, part);
    batch = { ...batch, refused: next };
    expect(JSON.stringify(batch.refused).length).toBeLessThan(40_000);
  }
  expect(await refusedParts(contents, batch)).toEqual(all);
});

it('leaves room in one item of DynamoDB for the largest batch', () => {
  const upload = timeId('upload_', Date.UTC(2026, 10, 24), 'x'.repeat(20));
  const part = { blob: `${upload}-${systemRandom.id('part_')}`, bytes: 4_194_304 };
  const input = Array.from({ length: MAX_UPLOAD_PARTS }, () => part);
  const errors = Array.from({ length: 100 }, (_, line) => ({
    code: 'duplicate_custom_id',
    message: 'x'.repeat(400),
    param: 'custom_id',
    line,
  }));
  const refused = { count: 1, cancelled: 0, parts: input.slice(0, 249), index: [] };
  const bytes = Buffer.byteLength(JSON.stringify(makeBatch({ input, errors, refused })));
  expect(bytes).toBeLessThan(380_000);
});
