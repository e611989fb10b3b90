import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RUNBOOK } from '../../infra/constructs/service-alarms.ts';
import { METRICS } from '../../shared/contracts/metric-names.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

const topic = 'arn:aws:sns:eu-central-1:123456789012:pages';
const { service } = synthesize({ hourlyCostAlarmUsd: 20, alarmTopicArn: topic });
const alarms = [...resourcesOf(service, 'AWS::CloudWatch::Alarm').values()];
const runbook = readFileSync('docs/runbook.md', 'utf8');
const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-'),
);

describe('alarms', () => {
  it('say who is hurt, and lead to a section of the runbook', () => {
    expect(alarms.length).toBeGreaterThan(15);
    for (const alarm of alarms) {
      const [impact = '', link = ''] = String(alarm['AlarmDescription']).split('\n');
      expect(impact.length).toBeGreaterThan(15);
      expect(anchors).toContain(/^What to do: docs\/runbook\.md#(.+)$/.exec(link)?.[1]);
    }
  });

  it('use every section, and each section says what it means, where to look and how to mend it', () => {
    expect(Object.values(RUNBOOK).toSorted()).toEqual(anchors.toSorted());
    const sections = runbook.split(/^## /m).slice(1);
    for (const section of sections) {
      for (const part of ['**Means.**', '**Look.**', '**Mend.**']) expect(section).toContain(part);
    }
    const linked = alarms.map((alarm) => String(alarm['AlarmDescription']).split('#')[1]);
    expect(new Set(linked)).toEqual(new Set(anchors));
  });

  it('take silence for a fault where what measures may be what is broken', () => {
    const breaching = alarms
      .filter((alarm) => alarm['TreatMissingData'] === 'breaching')
      .map((alarm) => String(alarm['AlarmName']).replace('penstock-dev-', ''));
    expect(breaching.toSorted()).toEqual([
      'PollerSilent',
      'ProviderHeld',
      'SweeperSilent',
      'WorkNotMoving',
    ]);
  });

  it('reach the topic, when they begin and when they end', () => {
    for (const alarm of alarms) {
      expect(alarm).toMatchObject({ AlarmActions: [topic], OKActions: [topic] });
    }
  });
});

describe('the dashboard', () => {
  const [dashboard] = [...resourcesOf(service, 'AWS::CloudWatch::Dashboard').values()];
  const text = JSON.stringify(dashboard);

  it.each([
    METRICS.requestAdmitted,
    METRICS.providerThrottled,
    METRICS.limitUsed,
    METRICS.requestSucceeded,
    METRICS.requestFailed,
    METRICS.costMicroUsd,
    METRICS.queueAgeSeconds,
    METRICS.backlogRequests,
    METRICS.providerHeld,
  ])('shows %s', (metric) => {
    expect(text).toContain(metric);
  });
});
