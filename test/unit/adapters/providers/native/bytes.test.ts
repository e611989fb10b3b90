import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../../../../shared/adapters/providers/native/line-reader.ts';
import { rawValueAt } from '../../../../../shared/adapters/providers/native/raw-json.ts';
import {
  encodeRows,
  INLINE_REQUESTS,
  JSON_LINES,
  type RowLayout,
} from '../../../../../shared/adapters/providers/native/row-encoding.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(bytes: Buffer, size: number): Promise<string[]> {
  const lines: string[] = [];
  const bounds = { longestBytes: 10_000, mostLines: 1_000 };
  for await (const { text, isTerminated } of readLines(inPieces(bytes, size), bounds)) {
    lines.push(isTerminated ? text : `${text}…`);
  }
  return lines;
}

describe('lines', () => {
  it('are the same in pieces of any size', async () => {
    const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ' '));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        async (given, isMarked, size) => {
          const text = `${isMarked ? '\ufeff' : ''}${given.map((one) => `${one}\n`).join('')}`;
          const bytes = Buffer.from(text);
          // What a file's bytes say: ill-formed text has become replacement characters.
          const read = Buffer.from(given.join('\n'))
            .toString()
            .replace(/^\ufeff/, isMarked ? '\ufeff' : '');
          const expected = read.split('\n').filter((one) => one.trim() !== '');
          expect(await linesOf(bytes, size)).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('at the end may lack their break', async () => {
    expect(await linesOf(Buffer.from('a\nb'), 1)).toEqual(['a', 'b…']);
    expect(await linesOf(Buffer.from('a\n \t'), 1)).toEqual(['a']);
    expect(await linesOf(Buffer.from(''), 1)).toEqual([]);
  });
});

describe('a value cut out of JSON', () => {
  it('is the text that was parsed, in any layout', () => {
    const layout = fc.constantFrom(undefined, 1, '\t');
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.jsonValue(),
        fc.jsonValue(),
        layout,
        (before, value, after, space) => {
          const json = JSON.stringify(
            { 'a"\\': before, response: { x: before, body: value, y: after }, z: after },
            null,
            space,
          );
          const cut = rawValueAt(json, ['response', 'body']);
          expect(cut).not.toBeNull();
          expect(JSON.parse(cut ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is the last of equal names, and keeps its digits', () => {
    const json = ' {"a" :1e400, "b": {"c": 1.50, "c" : 12345678901234567890 }, "b" : {"c":-0.0} } ';
    expect(rawValueAt(json, ['a'])).toBe('1e400');
    expect(rawValueAt(json, ['b', 'c'])).toBe('-0.0');
    expect(rawValueAt(json, ['b'])).toBe('{"c":-0.0}');
    expect(rawValueAt(json, ['c'])).toBeNull();
    expect(rawValueAt(json, ['a', 'b'])).toBeNull();
    expect(rawValueAt('{"\\u0062":1}', ['b'])).toBeNull();
  });
});

describe('rows', () => {
  const limits = {
    mostRows: 1_000,
    mostBytes: 10_000_000,
    rowOverheadBytes: 512,
    rowIdPattern: /^[\w-]{1,64}$/,
  };
  const encoded = async (
    bodies: readonly Record<string, unknown>[],
    layout: RowLayout,
    mostBytes = limits.mostBytes,
  ): Promise<Buffer[]> => {
    const input = {
      jobId: 'j',
      endpoint: '/v1/messages',
      model: 'm',
      rowCount: bodies.length,
      async *rows() {
        for (const [row, body] of bodies.entries()) yield { rowId: `r_${row}`, body };
      },
    } as const;
    const pieces: Buffer[] = [];
    for await (const piece of encodeRows(input, { ...limits, mostBytes }, layout, (row) => row)) {
      pieces.push(piece);
    }
    return pieces;
  };
  const body = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 5 });

  it('are one line each, whatever they say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 6 }), async (bodies) => {
        const text = Buffer.concat(await encoded(bodies, JSON_LINES)).toString();
        const lines = text.split(/[\n\r\u2028\u2029]/);
        expect(lines.pop()).toBe('');
        const read = lines.map((line) => (JSON.parse(line) as { body: unknown }).body);
        expect(read).toEqual(bodies.map((one) => JSON.parse(JSON.stringify(one))));
        const inline = JSON.parse(Buffer.concat(await encoded(bodies, INLINE_REQUESTS)).toString());
        expect(inline.requests).toHaveLength(bodies.length);
      }),
      { numRuns: 200 },
    );
  });

  it('leave in pieces, and never beyond the size that is taken', async () => {
    const bodies = Array.from({ length: 500 }, () => ({ text: 'é'.repeat(500) }));
    const pieces = await encoded(bodies, JSON_LINES);
    expect(pieces.length).toBeGreaterThan(3);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(200_000);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    expect(Buffer.concat(await encoded(bodies, JSON_LINES, bytes))).toHaveLength(bytes);
    await expect(encoded(bodies, JSON_LINES, bytes - 1)).rejects.toThrow('more than');
    // What a builder reckons with: the body, and the row's own part.
    expect(bytes).toBeLessThan(500 * (1_020 + limits.rowOverheadBytes));
  });
});
