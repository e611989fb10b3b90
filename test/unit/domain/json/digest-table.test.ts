import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DigestTable } from '../../../../shared/domain/json/digest-table.ts';

const digestOf = (name: string): Buffer => hash('sha256', name, 'buffer');

describe('DigestTable', () => {
  it('keeps the first number of each digest, through any growth', () => {
    const table = new DigestTable();
    const count = 20_000;
    for (let index = 0; index < count; index += 1) {
      expect(table.putIfAbsent(digestOf(`row-${index}`), index)).toBeNull();
    }
    for (let index = 0; index < count; index += 997) {
      expect(table.putIfAbsent(digestOf(`row-${index}`), count + index)).toBe(index);
    }
  });

  it('tells digests apart that begin alike', () => {
    const table = new DigestTable();
    const one = Buffer.alloc(12, 1);
    const other = Buffer.from(one);
    other[11] = 2;
    expect(table.putIfAbsent(one, 0)).toBeNull();
    expect(table.putIfAbsent(other, 1)).toBeNull();
    expect(table.putIfAbsent(one, 2)).toBe(0);
    expect(table.putIfAbsent(other, 2)).toBe(1);
  });
});
