import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type InputLine, LineSplitter } from '../../../../shared/domain/json/line-splitter.ts';

function split(text: Buffer, cuts: readonly number[] = [], mostBytes?: number): InputLine[] {
  const splitter = new LineSplitter(mostBytes);
  const lines: InputLine[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, text.length]) {
    // One buffer, filled anew each time, as the reader does.
    const piece = Buffer.from(text.subarray(start, end));
    lines.push(...splitter.push(piece).map((line) => ({ ...line, bytes: copy(line.bytes) })));
    piece.fill(0x78);
    start = end;
  }
  lines.push(...splitter.end());
  return lines;
}

function copy(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

const shown = (lines: readonly InputLine[]) =>
  lines.map(({ number, offset, bytes }) => [number, offset, bytes?.toString() ?? null]);

describe('LineSplitter', () => {
  it('numbers lines as editors do, and leaves out blank ones', () => {
    const text = Buffer.from('a\n\n  \t\nbb\r\n\r\nccc');
    expect(shown(split(text))).toEqual([
      [1, 0, 'a'],
      [4, 7, 'bb'],
      [6, 13, 'ccc'],
    ]);
  });

  it('takes a byte order mark off the first line only', () => {
    const text = Buffer.from('\uFEFF{}\n\uFEFF{}\n');
    expect(shown(split(text))).toEqual([
      [1, 3, '{}'],
      [2, 6, '\uFEFF{}'],
    ]);
  });

  it('passes over a line too long without keeping it, and goes on after it', () => {
    const text = Buffer.from(`short\n${'x'.repeat(100)}\nlast\n`);
    const lines = split(text, [10, 30, 60], 20);
    expect(shown(lines)).toEqual([
      [1, 0, 'short'],
      [2, 6, null],
      [3, 107, 'last'],
    ]);
    expect(lines[1]?.length).toBe(100);
  });

  it('takes exactly the longest line allowed, with CRLF', () => {
    const text = Buffer.from(`\uFEFF${'x'.repeat(20)}\r\n${'y'.repeat(21)}\r\n`);
    expect(shown(split(text, [5, 24], 20))).toEqual([
      [1, 3, 'x'.repeat(20)],
      [2, 25, null],
    ]);
  });

  it('finds the same lines however the bytes are cut', () => {
    const character = fc.constantFrom('a', 'é', '\n', '\r', ' ', '\uFEFF', '{', '"');
    const text = fc.array(character, { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 12 }), (bytes, cuts) => {
        expect(shown(split(bytes, cuts, 9))).toEqual(shown(split(bytes, [], 9)));
      }),
      { numRuns: 500 },
    );
  });

  it('gives offsets that lead back to the very bytes', () => {
    const text = fc.array(fc.constantFrom('ab', '\n', '\r\n', ' ', 'é'), { maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(100), { maxLength: 6 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''));
        for (const line of split(bytes, cuts)) {
          expect(bytes.subarray(line.offset, line.offset + line.length)).toEqual(line.bytes);
        }
      }),
      { numRuns: 300 },
    );
  });
});
