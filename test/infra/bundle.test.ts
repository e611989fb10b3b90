import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { afterAll, describe, expect, it } from 'vitest';
import { ServiceFunction } from '../../infra/constructs/service-function.ts';

const outdir = mkdtempSync(join(tmpdir(), 'penstock-bundle-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

describe('a bundle', () => {
  it('is one ESM file that runs with nothing beside it', async () => {
    const app = new App({ outdir });
    new ServiceFunction(new Stack(app, 'Test'), 'Function', {
      defaults: { service: 'test', logRetention: RetentionDays.ONE_DAY },
      entry: resolve('test/infra/fixtures/handler.ts'),
      description: 'A fixture',
      timeout: Duration.seconds(3),
      memoryMb: 128,
      environment: {},
    });
    app.synth();
    const asset = readdirSync(outdir).find((name) => name.startsWith('asset.')) ?? '';
    expect(readdirSync(join(outdir, asset))).toEqual(['index.mjs']);
    const file = join(outdir, asset, 'index.mjs');
    const code = readFileSync(file, 'utf8');
    expect(code).not.toMatch(/(from|import\()\s*["']@aws-sdk/);
    expect(code).not.toContain('sourceMappingURL');
    const { handler } = await import(pathToFileURL(file).href);
    expect(await handler()).toEqual({ command: expect.any(String) });
  });
});
