import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCommandLine } from '../../../simulator/cli-options.ts';

function configFile(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'simulator-')), 'config.yaml');
  writeFileSync(file, text);
  return file;
}

test('flags become options', () => {
  const line =
    '--port 0 --seed 7 --rpm 12000 --tpm 8000000 --depth-seconds 6 --charge sum --p50 800 --p95 1770 --chars-per-token 3.2 --no-headers --fault http500:0.02 --json';
  const { options, isJson } = readCommandLine(line.split(' '));
  expect(options).toEqual({
    port: 0,
    seed: 7,
    limits: {
      requestsPerMinute: 12_000,
      tokensPerMinute: 8_000_000,
      depthSeconds: 6,
      charge: 'sum',
    },
    latency: { p50Ms: 800, p95Ms: 1_770 },
    tokens: { charsPerToken: 3.2 },
    rateHeaders: 'none',
    faults: 'http500:0.02',
  });
  expect(isJson).toBe(true);
});

test('flags win over the file, and what they do not name stays', () => {
  const file = configFile('seed: 3\nlimits: { requestsPerMinute: 10, tokensPerMinute: 20 }\n');
  expect(readCommandLine(['--config', file, '--tpm', '30']).options).toEqual({
    seed: 3,
    limits: { requestsPerMinute: 10, tokensPerMinute: 30 },
    tokens: {},
  });
});

test.each([
  [['--fault', 'boom:1'], /--fault: .*unknown kind "boom"/],
  [['--rpm', '1.5'], /limits\.requestsPerMinute/],
  [['--latency', '2-5', '--p50', '3'], /either --p50 and --p95, or --latency/],
  [['--config', '/nowhere/at/all.yaml'], /--config \/nowhere\/at\/all\.yaml: ENOENT/],
  [['--charge', 'half'], /limits\.charge/],
  [['--clock', 'broken'], /clock/],
  [['--batch', '{'], /--batch: must be a JSON object/],
  [['--batch', '{"script":["oops"]}'], /batches\.script\.0/],
])('%j is refused with the place of the fault', (argv, message) => {
  expect(() => readCommandLine(argv)).toThrow(message);
});

test('batches and the clock have flags', () => {
  const line = ['--clock', 'frozen', '--batch', '{"script":["expired"],"priceFactor":0.4}'];
  expect(readCommandLine(line).options).toMatchObject({
    clock: 'frozen',
    batches: { script: ['expired'], priceFactor: 0.4 },
  });
});

test('a file that holds no mapping, or a wrong one, is named', () => {
  expect(() => readCommandLine(['--config', configFile('just text')])).toThrow(/must be a mapping/);
  expect(() => readCommandLine(['--config', configFile('sead: 1')])).toThrow(/sead/);
});
