import { describe, expect, it } from 'vitest';
import { prefixKey } from '../../../../shared/domain/caching/prefix-key.ts';

const LONG = 'Answer in one word. '.repeat(300);
const chat = (system: unknown, user = 'hi') => ({
  messages: [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ],
});

describe('prefixKey', () => {
  it('is the same for bodies that share their opening, and only for those', () => {
    const key = prefixKey('m', chat(LONG, 'one'));
    expect(key).not.toBeNull();
    expect(prefixKey('m', chat(LONG, 'two'))).toBe(key);
    expect(prefixKey('m', chat(`x${LONG}`))).not.toBe(key);
    expect(prefixKey('other', chat(LONG))).not.toBe(key);
  });

  it('reads the opening of every kind of body', () => {
    expect(prefixKey('m', { instructions: LONG, input: 'hi' })).not.toBeNull();
    expect(prefixKey('m', { input: LONG })).not.toBeNull();
    expect(prefixKey('m', { system: [{ type: 'text', text: LONG }], messages: [] })).not.toBeNull();
    expect(prefixKey('m', chat([{ type: 'text', text: LONG }]))).not.toBeNull();
    expect(prefixKey('m', { tools: [{ name: LONG }], messages: [] })).not.toBeNull();
  });

  it('is null for short openings, and for those cut short by an image', () => {
    expect(prefixKey('m', chat('short'))).toBeNull();
    expect(prefixKey('m', {})).toBeNull();
    expect(prefixKey('m', { messages: [null, 5, { role: 'user' }] })).toBeNull();
    const image = { type: 'image_url', image_url: { url: 'data:' } };
    expect(prefixKey('m', chat([image, { type: 'text', text: LONG }]))).toBeNull();
  });
});
