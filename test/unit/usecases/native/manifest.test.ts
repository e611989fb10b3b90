import { expect, it } from 'vitest';
import {
  type ManifestRow,
  readManifest,
  readManifestFrom,
  writeManifest,
} from '../../../../shared/usecases/native/manifest.ts';
import { MemorySegments } from '../../../support/memory-segments.ts';

/** Names that look like the ends of rows, texts and escapes. */
const NAMES = ['plain', '],[', '"]', '\\', '\\"],["', 'ünï\u2028code 🎈', '', '[[['];

function rowOf(index: number): ManifestRow {
  const name = NAMES[index % NAMES.length] ?? '';
  return {
    tenant: `t${index % 3}${name}`,
    id: `r${index}${name}`,
    customId: index % 5 === 0 ? null : name,
    fence: index,
    attempts: 0,
    firstAttemptAtMs: index % 2 === 0 ? null : index,
    body: { segment: `s${name}`, offset: index, length: 10 },
    inputTokens: 5,
    maxOutputTokens: 7,
    lane: index % 2 === 0 ? null : 'native',
    deadlineAtMs: null,
  };
}

it.each([0, 1, 499, 500, 501, 9_001])(
  'gives back %i rows, whatever is in their names',
  async (count) => {
    const { payloads } = new MemorySegments();
    const rows = Array.from({ length: count }, (_, index) => rowOf(index));
    const pointer = await writeManifest(payloads, rows);
    const read = await readManifest(payloads, pointer);
    expect(read.length).toBe(count);
    expect([...read]).toEqual(rows);
    for (const index of [0, 498, 500, count - 1, count, 1e6]) {
      expect(read.at(index)).toEqual(rows[index]);
    }
    for (const first of [0, 3, 500, 777]) {
      const found: ManifestRow[] = [];
      for await (const page of readManifestFrom(payloads, pointer, first)) {
        expect(page.first).toBe(first + found.length);
        found.push(...page.rows);
      }
      expect(found).toEqual(rows.slice(first));
    }
  },
);
