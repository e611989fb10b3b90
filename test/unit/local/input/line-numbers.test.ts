import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lineNumbersAt } from '../../../../local/input/line-numbers.ts';

it('tells the line of each offset, in any order and beyond one read', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'penstock-lines-'));
  const path = join(directory, 'in.jsonl');
  writeFileSync(path, `${'x'.repeat(99)}\n`.repeat(30_000));
  expect(await lineNumbersAt(path, [2_999_900, 0, 100, 150, 1_048_600])).toEqual([
    30_000, 1, 2, 2, 10_487,
  ]);
  expect(await lineNumbersAt(path, [])).toEqual([]);
  rmSync(directory, { recursive: true });
});
