import { describe, expect, it } from 'vitest';
import { AppError } from '../../../shared/domain/errors.ts';
import { openProviders } from '../../../shared/runtime/provider-pool.ts';
import { createStoredConfig } from '../../../shared/runtime/stored-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;

const yaml = (concurrency: number): string => `
providers:
  fine: { dialect: openai, baseUrl: http://127.0.0.1:1/v1, apiKey: none }
  kept: { dialect: openai, baseUrl: http://127.0.0.1:1/v1, apiKey: "secretsmanager:prod/kept" }
  lost: { dialect: anthropic, baseUrl: http://127.0.0.1:1, apiKey: "secretsmanager:prod/lost" }
  unset: { dialect: openai, baseUrl: http://127.0.0.1:1/v1, apiKey: "\${NOWHERE}" }
models:
  m: { provider: fine, limits: { concurrency: ${concurrency} } }
`;

function start(texts: (string | Error)[]) {
  const clock = new FakeClock();
  const logged: string[] = [];
  let reads = 0;
  const load = createStoredConfig({
    readText: async () => {
      const text = texts[Math.min(reads, texts.length - 1)];
      reads += 1;
      if (typeof text !== 'string') throw text ?? new Error('no text');
      return text;
    },
    source: 'the parameter',
    environment: {},
    clock,
    telemetry: { count: () => undefined, log: (_, message) => logged.push(message) },
  });
  return { clock, load, logged, reads: () => reads };
}

const concurrencyOf = async (load: ReturnType<typeof createStoredConfig>) =>
  (await load()).models.get('m')?.limits.concurrency;

describe('a stored configuration', () => {
  it('is read once a minute, and changes without a deployment', async () => {
    const { load, clock, reads } = start([yaml(1), yaml(2)]);
    expect(await Promise.all([concurrencyOf(load), concurrencyOf(load)])).toEqual([1, 1]);
    expect(reads()).toBe(1);
    await clock.runUntil(clock.sleep(MINUTE_MS));
    expect(await concurrencyOf(load)).toBe(2);
    expect(reads()).toBe(2);
  });

  it('stays the same object while its text does', async () => {
    const { load, clock } = start([yaml(1)]);
    const before = await load();
    await clock.runUntil(clock.sleep(MINUTE_MS));
    expect(await load()).toBe(before);
  });

  it.each([
    ['is faulty', 'providers: { x: { dialect: nonsense } }'],
    ['cannot be read', new Error('throttled')],
  ])('stays in use when the next one %s', async (_, next) => {
    const { load, clock, logged } = start([yaml(1), next]);
    await load();
    await clock.runUntil(clock.sleep(MINUTE_MS));
    expect(await concurrencyOf(load)).toBe(1);
    expect(logged).toHaveLength(1);
  });

  it('names every fault when there is no good one', async () => {
    const { load } = start(['providers: { x: { dialect: nonsense }, y: {} }']);
    await expect(load()).rejects.toThrow(/the parameter has 4 faults/);
  });
});

describe('providers of a deployment', () => {
  it('work without those whose key cannot be had, and those say what to do', async () => {
    const { load, clock } = start([yaml(1)]);
    const readSecret = async (name: string) => {
      if (name === 'prod/kept') return 'sk-kept\n';
      throw new AppError('invalid_configuration', `The secret ${name} does not exist. Create it`);
    };
    const pool = await openProviders(await load(), { readSecret, clock });
    await pool.close();
    expect([...pool.providers.keys()].sort()).toEqual(['fine', 'kept']);
    const unusable = new Map(pool.unusable.map(({ provider, message }) => [provider, message]));
    expect(unusable.get('lost')).toBe('The secret prod/lost does not exist. Create it');
    expect(unusable.get('unset')).toMatch(/NOWHERE.*secretsmanager:NAME/);
    expect(pool.unusable.every(({ code }) => code === 'provider_auth_failed')).toBe(true);
  });
});
