import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundleFunction, functionNames, sizeOf } from '../../../scripts/bundles/bundle-function.ts';

/** Of one bundle, without token ranks. Unit: bytes. */
const MOST_BYTES = 1_500_000;
/** The one language that zod needs. Unit: bytes. */
const MOST_LOCALE_BYTES = 5_000;

describe.each(functionNames())('the bundle of %s', (name) => {
  it('is small, and carries neither languages nor an emulator nor a simulator', async () => {
    const { files, bytes } = await bundleFunction(name);
    expect(bytes).toBeLessThan(MOST_BYTES);
    const locales = files.filter(({ path }) => path.includes('/zod/v4/locales/'));
    expect(sizeOf(locales)).toBeLessThan(MOST_LOCALE_BYTES);
    const foreign = files.filter(({ path }) => /^(simulator|test|local|cli|bench)\//.test(path));
    expect(foreign).toEqual([]);
  });
});

it('loads token ranks only where something is counted', () => {
  const source = readFileSync('shared/adapters/tiktoken/token-counter.ts', 'utf8');
  const imports = source.match(/^import (?!type).*js-tiktoken.*$/gm);
  expect(imports).toBeNull();
});
