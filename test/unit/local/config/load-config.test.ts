import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../local/config/load-config.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'penstock-config-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function load(environment: Record<string, string>, path?: string, needsKeys = true) {
  return loadConfig({ directory, environment, needsKeys, path });
}

function write(text: string, name = 'penstock.yaml'): void {
  writeFileSync(join(directory, name), text);
}

describe('loadConfig', () => {
  it('takes providers from the environment where there is no file', () => {
    const { config, path } = load({
      OPENAI_API_KEY: 'sk-1',
      ANTHROPIC_API_KEY: 'sk-2',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    });
    expect(path).toBeNull();
    expect(config.providers.get('openai')).toMatchObject({
      dialect: 'openai',
      baseUrl: 'http://127.0.0.1:9/v1',
      apiKey: { value: 'sk-1' },
    });
    expect(config.providers.get('anthropic')?.apiKey).toMatchObject({ value: 'sk-2' });
  });

  it('needs no key for a server of one’s own', () => {
    const { config } = load({ OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
    expect(config.providers.get('openai')?.apiKey).toEqual({ kind: 'none' });
  });

  it('says what to set when there is nothing', () => {
    expect(() => load({})).toThrow(/neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set/);
    expect(load({}, undefined, false).config.providers.size).toBe(2);
  });

  it('prefers penstock.yaml, and a named file over it', () => {
    write('providers: { a: { dialect: openai, apiKey: none } }');
    write('providers: { b: { dialect: openai, apiKey: none } }', 'other.yaml');
    expect([...load({ OPENAI_API_KEY: 'x' }).config.providers.keys()]).toEqual(['a']);
    expect([...load({}, 'other.yaml').config.providers.keys()]).toEqual(['b']);
  });

  it('names the line of every fault, in the order of the file', () => {
    write(
      [
        'providers:',
        `  openai: { dialect: openai, apiKey: "\${NOT_SET}" }`,
        'models:',
        '  m:',
        '    provider: opnai',
        '    limits:',
        '      requestsPerMinute: 0',
        '  n:',
        '    limts: {}',
      ].join('\n'),
    );
    const describeFaults = (): string => {
      try {
        load({});
        return '';
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
    };
    expect(
      describeFaults()
        .split('\n')
        .map((line) => line.trim().split(' ').slice(0, 3).join(' ')),
    ).toEqual([
      expect.stringMatching(/penstock\.yaml has 4$/),
      'line 2, providers.openai.apiKey',
      'line 5, models.m.provider',
      'line 7, models.m.limits.requestsPerMinute',
      'line 9, models.n.limts',
    ]);
  });

  it.each([
    ['providers: [', /line 1 is not YAML/],
    ['providers:\n  a: {}\n  a: {}', /line 3 is not YAML: Map keys must be unique/],
    ['just text', /must be a mapping with a providers section; found "just text"/],
    ['', /must be a mapping with a providers section/],
  ])('refuses %j', (text, expected) => {
    write(text);
    expect(() => load({})).toThrow(expected);
  });

  it('survives aliases that expand without end', () => {
    const levels = Array.from({ length: 20 }, (_, index) => {
      const inner = index === 0 ? 'x' : `*a${index - 1}`;
      return `a${index}: &a${index} [${Array(10).fill(inner).join(', ')}]`;
    });
    write(levels.join('\n'));
    expect(() => load({})).toThrow(/alias/i);
  });

  it('says which named file cannot be read', () => {
    expect(() => load({}, 'nope.yaml')).toThrow(/Cannot read the configuration .*nope\.yaml/);
    expect(() => load({}, '.')).toThrow(/Cannot read the configuration/);
  });
});
