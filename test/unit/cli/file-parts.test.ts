import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type FilePart, fileParts } from '../../../cli/remote/file-parts.ts';
import { MAX_BODY_BYTES } from '../../../shared/contracts/limits.ts';

const directory = mkdtempSync(join(tmpdir(), 'penstock-parts-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function partsOf(text: string, leftOut: readonly number[] = []): Promise<FilePart[]> {
  const path = join(directory, 'in.jsonl');
  writeFileSync(path, text);
  const parts: FilePart[] = [];
  for await (const part of fileParts(path, new Set(leftOut))) parts.push(part);
  return parts;
}

describe('the parts of a file', () => {
  it('hold its lines as they are, without what is blank or left out', async () => {
    const [part, ...rest] = await partsOf('\uFEFF{"a":1.0}\r\n\n  \n{"b":2}\n{"bad"\n{"c":3}', [5]);
    expect(part?.bytes.toString()).toBe('{"a":1.0}\n{"b":2}\n{"c":3}');
    expect(part?.lines).toEqual([1, 4, 6]);
    expect([part?.index, rest]).toEqual([0, []]);
  });

  it('are none when nothing is left', async () => {
    expect(await partsOf('x\n', [1])).toEqual([]);
  });

  it('end after so many lines, the same each time', async () => {
    const text = Array.from({ length: 12_001 }, (_, line) => `{"n":${line}}`).join('\n');
    const parts = await partsOf(text);
    expect(parts.map(({ lines }) => lines.length)).toEqual([5_000, 5_000, 2_001]);
    expect(parts.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(parts.map(({ bytes }) => bytes.toString()).join('\n')).toBe(text);
    expect(await partsOf(text)).toEqual(parts);
  });

  it('stay small, unless one line is not', async () => {
    const most = MAX_BODY_BYTES / 2;
    const quarter = 'x'.repeat(most / 4);
    const parts = await partsOf([...Array(5).fill(quarter), 'y'.repeat(most + 7), 'z'].join('\n'));
    expect(parts.map(({ lines }) => lines)).toEqual([[1, 2, 3], [4, 5], [6], [7]]);
    expect(parts[2]?.bytes.length).toBe(most + 7);
  });
});
