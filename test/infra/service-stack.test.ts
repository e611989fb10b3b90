import { describe, expect, it } from 'vitest';
import { authorizeEnv } from '../../functions/authorize/env.ts';
import { dispatchEnv } from '../../functions/dispatch/env.ts';
import { recordDeadLetterEnv } from '../../functions/record-dead-letter/env.ts';
import { sweepEnv } from '../../functions/sweep/env.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { resourcesOf, synthesize, withoutHashes } from './synthesize.ts';

const { service, state } = synthesize({ stage: 'prod', tags: 'cost-centre=42' });
const functions = [...resourcesOf(service, 'AWS::Lambda::Function').values()];

describe('the service stack', () => {
  it('is as it was', () => {
    expect(withoutHashes(service)).toMatchSnapshot();
  });

  it('has seven functions, each on Node 24 and arm64, traced, with JSON logs that are not kept for ever', () => {
    expect(functions).toHaveLength(7);
    for (const one of functions) {
      expect(one).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogFormat: 'JSON' },
      });
      expect(one).toHaveProperty('Description');
    }
    const groups = [...resourcesOf(service, 'AWS::Logs::LogGroup').values()];
    expect(groups).toHaveLength(functions.length + 1);
    expect(new Set(groups.map((group) => group['RetentionInDays']))).toEqual(new Set([30]));
  });

  it('tells functions names and addresses only, under names both sides know', () => {
    const known = [
      ...Object.values(ENV),
      'POWERTOOLS_SERVICE_NAME',
      'POWERTOOLS_METRICS_NAMESPACE',
    ];
    for (const one of functions) {
      const names = Object.keys(variablesOf(one));
      expect(known).toEqual(expect.arrayContaining(names));
      expect(names.length).toBeGreaterThan(2);
    }
  });

  it.each([
    { name: 'Authorize', schema: authorizeEnv },
    { name: 'Dispatch', schema: dispatchEnv },
    { name: 'Sweep', schema: sweepEnv },
    { name: 'Record', schema: recordDeadLetterEnv },
  ])('tells $name all that it reads', ({ name, schema }) => {
    const found = [...resourcesOf(service, 'AWS::Lambda::Function')].find(([id]) =>
      id.includes(`${name}Function`),
    );
    const given = Object.keys(variablesOf(found?.[1] ?? {}));
    expect(given).toEqual(expect.arrayContaining(Object.keys(schema.shape)));
  });

  it('starts the sweeper and the poller each minute', () => {
    const rules = [...resourcesOf(service, 'AWS::Events::Rule').values()];
    expect(rules.map((rule) => rule['ScheduleExpression'])).toEqual([
      'rate(1 minute)',
      'rate(1 minute)',
    ]);
  });

  it('carries cost tags everywhere', () => {
    const tags = [
      { Key: 'cost-centre', Value: '42' },
      { Key: 'project', Value: 'penstock' },
      { Key: 'stage', Value: 'prod' },
    ];
    for (const one of functions) expect(one['Tags']).toEqual(expect.arrayContaining(tags));
    state.hasResourceProperties('AWS::S3::Bucket', { VersioningConfiguration: {}, Tags: tags });
  });

  it('says where it is called, also on an emulator', () => {
    expect(Object.keys(service.findOutputs('*')).toSorted()).toEqual([
      'BaseUrl',
      'BulkQueueUrl',
      'ConfigParameter',
    ]);
    const there = synthesize({ emulator: 'true' }, 'http://127.0.0.1:4566').service;
    expect(JSON.stringify(there.findOutputs('BaseUrl'))).toMatch(
      /http:\/\/127\.0\.0\.1:4566\/restapis\/.*\/dev\/_user_request_/,
    );
  });

  it('lets an emulator go without calculated alarms, and without nothing else', () => {
    const types = (template: typeof service) =>
      Object.values(template.toJSON()['Resources']).filter(
        (resource) => !JSON.stringify(resource).includes('"AWS::CloudWatch::Alarm"'),
      ).length;
    expect(types(synthesize({ emulator: 'true' }).service)).toBe(types(service));
  });

  it('pays for a larger parameter only when it has to', () => {
    const [parameter] = [...resourcesOf(service, 'AWS::SSM::Parameter').values()];
    expect(parameter).toMatchObject({ Tier: 'Standard' });
  });
});

function variablesOf(one: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object(Object(one['Environment']).Variables);
}
