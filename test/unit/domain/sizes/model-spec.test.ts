import { describe, expect, it } from 'vitest';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import {
  countingFor,
  nameReadings,
  overrideSpec,
} from '../../../../shared/domain/sizes/model-spec.ts';

describe('countingFor', () => {
  it.each([
    ['gpt-4o'],
    ['gpt-4o-mini-2024-07-18'],
    ['chatgpt-4o-latest'],
    ['gpt-4.1-nano'],
    ['gpt-5.6'],
    ['gpt-6-sol'],
    ['o1'],
    ['o3-mini'],
    ['o4-mini-2025-04-16'],
    ['openai/gpt-oss-120b'],
    ['ft:gpt-4o-mini-2024-07-18:team::x'],
    ['azure/gpt-4o'],
  ])('counts %s by o200k_base, exactly', (model) => {
    expect(countingFor(model)).toEqual({ encoding: 'o200k_base', perMille: 1000, isExact: true });
  });

  it.each([
    ['gpt-4'],
    ['gpt-4-turbo-2024-04-09'],
    ['gpt-3.5-turbo'],
    ['azure/gpt-35-turbo'],
    ['text-embedding-3-small'],
    ['text-embedding-ada-002'],
    ['ft:gpt-3.5-turbo-0125:team::x'],
  ])('counts %s by cl100k_base, exactly', (model) => {
    expect(countingFor(model)).toEqual({ encoding: 'cl100k_base', perMille: 1000, isExact: true });
  });

  it.each([
    ['claude-sonnet-4-5', 1200],
    ['anthropic.claude-3-haiku', 1200],
    ['gemini/gemini-2.5-pro', 1100],
    ['together_ai/meta-llama/Llama-4-Scout-17B-16E-Instruct', 1150],
    ['my-deployment', 1000],
    ['', 1000],
  ])('takes %s as a share of o200k_base and says so', (model, perMille) => {
    expect(countingFor(model)).toEqual({ encoding: 'o200k_base', perMille, isExact: false });
  });
});

describe('nameReadings', () => {
  it('tries the name as given first, then without vendor and date', () => {
    const names = nameReadings('openai/gpt-4o-2030-01-01').map(({ name }) => name);
    expect(names).toEqual([
      'openai/gpt-4o-2030-01-01',
      'openai/gpt-4o',
      'gpt-4o-2030-01-01',
      'gpt-4o',
    ]);
  });

  it('marks the base of a fine-tune, whose price is another', () => {
    expect(nameReadings('ft:o3-2025-04-16:team::id')).toContainEqual({
      name: 'o3',
      isFineTuned: true,
    });
  });

  it('never reads a longer name as a shorter one', () => {
    expect(nameReadings('gpt-4o-mini-x')).toEqual([{ name: 'gpt-4o-mini-x', isFineTuned: false }]);
  });
});

describe('overrideSpec', () => {
  const base = {
    name: 'gpt-4o',
    counting: countingFor('gpt-4o'),
    contextWindow: 128_000,
    price: modelPrice({ input: 1, output: 1 }),
    priceAsOf: '2026-11-24',
  };

  it('replaces what is given and keeps the rest', () => {
    const spec = overrideSpec(base, 'chat-eu', { sameAs: 'gpt-4o', contextWindow: 32_000 });
    expect(spec).toEqual({ ...base, name: 'chat-eu', contextWindow: 32_000 });
  });

  it("drops the table's date with the table's price", () => {
    const price = modelPrice({ input: 2, output: 2 });
    const spec = overrideSpec(base, 'gpt-4o', { price });
    expect(spec.price).toEqual(price);
    expect(spec).not.toHaveProperty('priceAsOf');
  });
});
