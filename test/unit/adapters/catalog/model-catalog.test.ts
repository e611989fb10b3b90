import { describe, expect, it } from 'vitest';
import {
  createModelCatalog,
  loadModelCatalog,
} from '../../../../shared/adapters/catalog/model-catalog.ts';
import file from '../../../../shared/adapters/catalog/models.json' with { type: 'json' };
import { MAX_RATE, modelPrice, ratesFor } from '../../../../shared/domain/cost/pricing.ts';
import { LANES } from '../../../../shared/domain/lanes/lane.ts';

const catalog = await loadModelCatalog();

describe('the vendored table', () => {
  it('is dated and small', () => {
    expect(file.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(JSON.stringify(file).length).toBeLessThan(150_000);
  });

  it('holds only rates the arithmetic is exact for, and no lane dearer than live', () => {
    const names = Object.keys(file.models);
    expect(names.length).toBeGreaterThan(300);
    for (const name of names) {
      const { price } = catalog.find(name);
      if (price === undefined) continue;
      for (const lane of LANES) {
        for (const size of [1, 10_000_000]) {
          const rates = ratesFor(price, lane, size);
          const live = ratesFor(price, 'live', size);
          for (const [kind, rate] of Object.entries(rates)) {
            expect(Number.isInteger(rate) && rate >= 0 && rate <= MAX_RATE, name).toBe(true);
            expect(rate, `${name} ${lane} ${kind}`).toBeLessThanOrEqual(
              Math.max(...Object.values(live)),
            );
          }
          expect(rates.input, `${name} ${lane}`).toBeLessThanOrEqual(live.input);
        }
      }
    }
  });
});

describe('find', () => {
  it('knows sizes and prices of a model, and the day of the price', () => {
    expect(catalog.find('gpt-4o-mini')).toEqual({
      name: 'gpt-4o-mini',
      counting: { encoding: 'o200k_base', perMille: 1000, isExact: true },
      contextWindow: 128_000,
      maxOutputTokens: 16_384,
      price: {
        live: {
          input: 150_000,
          output: 600_000,
          cachedInput: 75_000,
          cacheWrite5m: 150_000,
          cacheWrite1h: 150_000,
        },
        native: {
          input: 75_000,
          output: 300_000,
          cachedInput: 75_000,
          cacheWrite5m: 75_000,
          cacheWrite1h: 75_000,
        },
      },
      priceAsOf: file.asOf,
    });
  });

  it('adds prompt and answer where the source gives them apart', () => {
    const spec = catalog.find('gpt-5');
    expect(spec).toMatchObject({ contextWindow: 400_000, maxInputTokens: 272_000 });
    expect(spec.price?.flex).toEqual(spec.price?.native);
  });

  it('knows cache writes and that batch and cache discounts stack at Anthropic', () => {
    const price = catalog.find('claude-sonnet-4-5').price;
    expect(price?.live).toMatchObject({
      cachedInput: 300_000,
      cacheWrite5m: 3_750_000,
      cacheWrite1h: 6_000_000,
    });
    expect(price?.native).toMatchObject({
      cachedInput: 150_000,
      cacheWrite5m: 1_875_000,
      cacheWrite1h: 3_000_000,
    });
  });

  it.each([
    ['openai/gpt-4o-mini', 'gpt-4o-mini'],
    ['gpt-4o-mini-2030-01-01', 'gpt-4o-mini'],
    ['anthropic/claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['azure/claude-sonnet-4-5', 'claude-sonnet-4-5'],
  ])('reads %s as %s', (alias, name) => {
    expect(catalog.find(alias)).toEqual({ ...catalog.find(name), name: alias });
  });

  it('reads an undated name as its newest snapshot', () => {
    const { find } = createModelCatalog({
      asOf: '2026-01-01',
      models: { 'm-2024-01-01': { window: 1 }, 'm-2025-01-01': { window: 2 } },
    });
    expect(find('m').contextWindow).toBe(2);
  });

  it("prices a fine-tune by its own entry, and never by its base's price", () => {
    expect(catalog.find('ft:gpt-4o-mini-2024-07-18:team::id').price?.live.input).toBe(300_000);
    const other = catalog.find('ft:o3-2025-04-16:team::id');
    expect(other.contextWindow).toBe(200_000);
    expect(other).not.toHaveProperty('price');
  });

  it('answers for unknown names with how to count them, and no more', () => {
    for (const name of ['gpt-4o-mini-x', '__proto__', 'constructor', '']) {
      expect(Object.keys(catalog.find(name))).toEqual(['name', 'counting']);
    }
  });

  it('lets a deployment override, and map its own names', async () => {
    const price = modelPrice({ input: 1, output: 2 });
    const { find } = await loadModelCatalog({
      'chat-eu': { sameAs: 'azure/gpt-4o', maxOutputTokens: 100 },
      'gpt-4o': { price },
    });
    expect(find('chat-eu')).toMatchObject({
      name: 'chat-eu',
      contextWindow: 128_000,
      maxOutputTokens: 100,
      counting: { isExact: true },
    });
    expect(find('gpt-4o').price).toEqual(price);
    expect(find('gpt-4o')).not.toHaveProperty('priceAsOf');
  });
});
