import fc from 'fast-check';
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, it } from 'vitest';
import { createTiktokenCounter } from '../../../../shared/adapters/tiktoken/token-counter.ts';
import type { TokenEncoding } from '../../../../shared/domain/sizes/model-spec.ts';

const counter = createTiktokenCounter();
const references = { o200k_base: new Tiktoken(o200k), cl100k_base: new Tiktoken(cl100k) };

function referenceCount(encoding: TokenEncoding, text: string): number {
  return references[encoding].encode(text, [], []).length;
}

/** Generous: other suites share the machine. Unit: ms. */
const BOUNDED_MS = 3_000;

describe('createTiktokenCounter', () => {
  it.each([
    ['o200k_base', 'hello world', 2],
    ['cl100k_base', 'hello world', 2],
    ['o200k_base', 'tiktoken is great!', 6],
    ['cl100k_base', 'tiktoken is great!', 6],
    ['o200k_base', 'お誕生日おめでとう', 8],
    ['cl100k_base', 'お誕生日おめでとう', 9],
    ['o200k_base', '', 0],
  ] as const)('counts by %s that %j is %i tokens', async (encoding, text, tokens) => {
    expect((await counter.load(encoding))(text)).toBe(tokens);
  });

  it('counts the text of a special token as the text it is', async () => {
    const count = await counter.load('o200k_base');
    expect(count('<|endoftext|>')).toBe(referenceCount('o200k_base', '<|endoftext|>'));
    expect(count('<|endoftext|>')).toBeGreaterThan(1);
  });

  it('counts lone surrogates as replacement characters', async () => {
    const count = await counter.load('o200k_base');
    expect(count('a\ud800b')).toBe(referenceCount('o200k_base', 'a\ufffdb'));
  });

  it('agrees with js-tiktoken on any text without long runs', async () => {
    const word = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.string({ maxLength: 12, unit: 'binary' }),
      fc.constantFrom(
        "it's",
        "WE'LL",
        '  ',
        '\n\n ',
        '\t',
        '12345',
        'camelCase',
        '://',
        '中文字',
        '🎉',
      ),
    );
    const text = fc.array(word, { maxLength: 40 }).map((words) => words.join(' '));
    for (const encoding of ['o200k_base', 'cl100k_base'] as const) {
      const count = await counter.load(encoding);
      fc.assert(
        fc.property(text, (sample) => {
          expect(count(sample)).toBe(referenceCount(encoding, sample));
        }),
      );
    }
  });

  it('agrees with js-tiktoken across the slices of a long text', async () => {
    const count = await counter.load('o200k_base');
    const text = 'The provider answers, or it does not; 42 of 100 did.\n'.repeat(4_000);
    expect(text.length).toBeGreaterThan(3 * 65_536);
    expect(count(text)).toBe(referenceCount('o200k_base', text));
  });

  it('takes bounded time for runs on which js-tiktoken takes half a minute', async () => {
    const count = await counter.load('o200k_base');
    const han = Array.from({ length: 5_000 }, (_, at) => 0x4e00 + ((at * 7919) % 20_000));
    const runs = [
      'a'.repeat(20_000),
      String.fromCodePoint(...han),
      '=-'.repeat(10_000),
      '🎉'.repeat(5_000),
    ];
    for (const run of runs) {
      const startedAt = performance.now();
      expect(count(run)).toBeGreaterThan(100);
      expect(performance.now() - startedAt).toBeLessThan(BOUNDED_MS);
    }
  });

  it('errs by below two per cent in runs it has to cut', async () => {
    const count = await counter.load('o200k_base');
    for (const run of ['a'.repeat(600), '今天天气很好我们一起去公园散步'.repeat(20)]) {
      const exact = referenceCount('o200k_base', run);
      expect(Math.abs(count(run) - exact) / exact).toBeLessThan(0.02);
    }
  });

  it('remembers a long text, so that many requests may share it', async () => {
    const count = await counter.load('o200k_base');
    const shared = Array.from({ length: 40_000 }, (_, at) => `w${at * 7919}`).join(' ');
    const firstAt = performance.now();
    const tokens = count(shared);
    const firstMs = performance.now() - firstAt;
    const againAt = performance.now();
    expect(count(`${shared}`)).toBe(tokens);
    expect(performance.now() - againAt).toBeLessThan(firstMs / 5);
  });

  it('loads an encoding once', () => {
    expect(counter.load('o200k_base')).toBe(counter.load('o200k_base'));
  });
});
