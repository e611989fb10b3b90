import { describe, expect, it } from 'vitest';
import { createCountCache } from '../../../../shared/adapters/tiktoken/count-cache.ts';

describe('createCountCache', () => {
  it('drops the text used longest ago once it is full', () => {
    const cache = createCountCache(40);
    const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(10));
    const [a = '', b = ''] = texts;
    for (const [at, text] of texts.entries()) cache.set(text, at);
    expect(cache.get(a)).toBe(0);
    cache.set('e'.repeat(10), 4);
    expect(cache.get(a)).toBe(0);
    expect(cache.get(b)).toBeUndefined();
  });

  it('does not keep a text that would crowd out the others', () => {
    const cache = createCountCache(40);
    cache.set('x'.repeat(11), 1);
    expect(cache.get('x'.repeat(11))).toBeUndefined();
  });
});
