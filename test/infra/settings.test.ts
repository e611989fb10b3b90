import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readSettings } from '../../infra/settings.ts';

const read = (context: Record<string, unknown>) => readSettings(context, '/app');

function faultsOf(context: Record<string, unknown>): string {
  try {
    read(context);
  } catch (error) {
    return String(error);
  }
  throw new Error('no fault was found');
}

describe('readSettings', () => {
  it('needs none', () => {
    expect(read({})).toMatchObject({
      stage: 'dev',
      config: '/app/penstock.yaml',
      retain: true,
      emulator: false,
      bulkBatchSize: 100,
      bulkWindowSeconds: 5,
    });
  });

  it('reads text, as the command line gives it', () => {
    const given = { retain: 'false', retentionDays: '7', tags: 'team=ml, cost-centre=42' };
    expect(read(given)).toMatchObject({
      retain: false,
      retentionDays: 7,
      tags: { team: 'ml', 'cost-centre': '42' },
    });
  });

  it('leaves the context of CDK alone', () => {
    const context = { '@aws-cdk/core:checkSecretUsage': true, 'aws:cdk:bundling-stacks': [] };
    expect(read(context).stage).toBe('dev');
  });

  it('names every fault at once', () => {
    const faults = faultsOf({
      stage: 'Prod!',
      retain: 'perhaps',
      retentionDays: '0',
      logRetentionDays: '31',
      bulkConcurrency: 1,
      tags: 'no-value',
      retentionDay: 3,
    });
    for (const name of [
      'stage',
      'retain',
      'retentionDays',
      'logRetentionDays',
      'bulkConcurrency',
      'tags',
    ]) {
      expect(faults).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(faults).toContain('retentionDay is not a setting. Did you mean "retentionDays"?');
  });

  it('wants a window where Lambda does', () => {
    expect(faultsOf({ bulkBatchSize: 11, bulkWindowSeconds: 0 })).toContain(
      'bulkWindowSeconds must be at least 1 for a bulkBatchSize above 10',
    );
    expect(read({ bulkBatchSize: 10, bulkWindowSeconds: 0 }).bulkWindowSeconds).toBe(0);
  });
});

describe('docs/deployment.md', () => {
  it('names every setting', () => {
    const text = readFileSync('docs/deployment.md', 'utf8');
    const { success, data } = z.record(z.string(), z.unknown()).safeParse(read({}));
    expect(success).toBe(true);
    for (const name of [...Object.keys(data ?? {}), 'alarmTopicArn', 'hourlyCostAlarmUsd']) {
      expect(text).toContain(`\`${name}\``);
    }
  });
});
