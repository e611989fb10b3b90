import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GuardedJson, parseGuardedJson } from '../../../../shared/domain/json/json-guard.ts';

const LIMITS = { maxBytes: 4_000_000, maxDepth: 64, maxKeys: 10_000 };

function read(json: string | Uint8Array): GuardedJson {
  return parseGuardedJson(typeof json === 'string' ? Buffer.from(json) : json, LIMITS);
}

function faultOf(json: string | Uint8Array): string {
  const result = read(json);
  return result.ok ? 'taken' : result.fault.message;
}

/** Whether `JSON.parse` takes the text at all; the guard must never take more. */
function isJson(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('what is taken', () => {
  it.each([
    ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
    ['an escaped pair of surrogates', '"\\ud83d\\ude00"', '😀'],
    ['an escaped NUL', '"\\u0000"', '\0'],
    ['an integer at the edge', '9007199254740992', 9_007_199_254_740_992],
    ['a long fraction', '0.12345678901234567890', 0.123_456_789_012_345_68],
    ['every escape', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
    ['a key equal to one elsewhere', '{"a":{"a":1}}', { a: { a: 1 } }],
    ['empty containers', '[{},[]]', [{}, []]],
  ])('%s', (_, json, value) => {
    expect(read(json)).toEqual({ ok: true, value });
  });

  it('is 64 levels deep at most', () => {
    expect(faultOf(nested(64))).toBe('taken');
    expect(faultOf(nested(65))).toBe(
      'Not usable JSON at line 1, column 65: nested deeper than 64 levels',
    );
  });

  it('has the value JSON.parse gives, for every value written in any layout', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const json = JSON.stringify(value, null, indent);
        const result = read(json);
        // Big integers and forbidden keys are refused on purpose; all else must pass.
        if (result.ok) expect(result.value).toEqual(JSON.parse(json));
        else expect(result.fault.message).toMatch(/kept exactly|is not taken/);
      }),
    );
  });
});

describe('what is refused, and where', () => {
  it.each([
    ['', 'line 1, column 1: it ends too early, expected a value'],
    ['{"a":1', 'line 1, column 7: it ends too early, expected ","'],
    ['{"a":1,}', 'line 1, column 8: expected a key'],
    ['[1,]', 'line 1, column 4: expected a value'],
    ['{"a"\n:\n@}', 'line 3, column 1: expected a value'],
    ['{a:1}', 'line 1, column 2: expected a key in double quotes or "}"'],
    ['{"a" 1}', 'line 1, column 6: expected ":"'],
    ['1 2', 'line 1, column 3: expected nothing after the value'],
    ['01', 'line 1, column 2: expected nothing after the value'],
    ['-', 'line 1, column 2: expected a digit'],
    ['1.', 'line 1, column 3: expected a digit'],
    ['1e+', 'line 1, column 4: expected a digit'],
    ['NaN', 'line 1, column 1: expected a value'],
    ['Infinity', 'line 1, column 1: expected a value'],
    ['"a\u0000b"', 'line 1, column 3: a control character'],
    ['"a\nb"', 'line 1, column 3: a control character'],
    ['"abc', 'line 1, column 5: it ends inside a string'],
    ['"\\x"', 'line 1, column 2: no escape of JSON'],
    ['"\\u12g4"', 'line 1, column 2: expected four hexadecimal digits'],
    ['{"a":1,"a":2}', 'line 1, column 8: the key stands here a second time'],
    ['{"a":1,"\\u0061":2}', 'line 1, column 8: the key stands here a second time'],
    ['{"__proto__":1}', 'line 1, column 2: the key "__proto__" is not taken'],
    ['{"\\u005f_proto__":1}', 'line 1, column 2: the key "__proto__" is not taken'],
    ['{"a":{"constructor":1}}', 'line 1, column 7: the key "constructor" is not taken'],
    ['{"prototype":1}', 'line 1, column 2: the key "prototype" is not taken'],
    ['[1e400]', 'line 1, column 2: the number is too large'],
    ['[-1e400]', 'line 1, column 2: the number is too large'],
    ['9007199254740993', 'column 1: the integer cannot be kept exactly; the nearest'],
    ['"\\ud83d"', 'line 1, column 2: half a surrogate pair'],
    ['"\\ud83d\\n"', 'line 1, column 2: half a surrogate pair'],
    ['"\\ud83d\\ud83d"', 'line 1, column 2: half a surrogate pair'],
    ['"\\ude00"', 'line 1, column 2: half a surrogate pair'],
  ])('%j', (json, message) => {
    expect(faultOf(json)).toContain(message);
  });

  it('is named in text that is not UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('{"é":\n"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(faultOf(bytes)).toBe(
      'Not usable JSON at line 2, column 2: this is not UTF-8. Save or send the text as UTF-8',
    );
    expect(faultOf(Buffer.from([0x22, 0xf0, 0x9f]))).toContain('column 2: this is not UTF-8');
  });

  it('is more keys than allowed', () => {
    const keys = Array.from({ length: 10_001 }, (_, index) => `"k${index}":1`);
    expect(faultOf(`{${keys.slice(1).join(',')}}`)).toBe('taken');
    expect(faultOf(`{${keys.join(',')}}`)).toContain('more than 10000 keys');
  });

  it('is more bytes than allowed, before anything is read', () => {
    expect(parseGuardedJson(new Uint8Array(11), { ...LIMITS, maxBytes: 10 })).toEqual({
      ok: false,
      fault: {
        code: 'payload_too_large',
        message: 'The JSON has 11 bytes; at most 10 are taken',
        line: 1,
        column: 1,
      },
    });
  });
});

describe('any input', () => {
  it('of arbitrary bytes is judged without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(read(bytes)).toHaveProperty('ok');
      }),
    );
  });

  it('of arbitrary fragments is taken only if JSON.parse takes it', () => {
    const fragment = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u', 'd83d', '\\n', '-', '0', '1', '.', 'e5'],
      ...['true', 'null', ' ', '\n', '"a"', '"b"', '__proto__', '\u0001', '12345678901234567890'],
    );
    const text = fc.array(fragment, { maxLength: 14 }).map((fragments) => fragments.join(''));
    fc.assert(
      fc.property(text, (json) => {
        if (read(json).ok) expect(isJson(json)).toBe(true);
        else if (isJson(json)) expect(faultOf(json)).toMatch(/kept|taken|second|half|too large/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes time in proportion to its length', () => {
    const hostile = [
      '{"a":'.repeat(100_000),
      `["${'\\"'.repeat(500_000)}"]`,
      `[${'""'.repeat(1)}${',"\\n"'.repeat(150_000)}]`,
      '9'.repeat(1_000_000),
      `"${'\\ud83d\\ude00'.repeat(80_000)}`,
    ];
    const before = process.cpuUsage();
    for (const json of hostile) expect(read(json)).toHaveProperty('ok');
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });
});
