import { Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { deploy } from '../../infra/deployment.ts';
import { appWithoutBundles, settingsWith } from './synthesize.ts';

const acknowledgedSchema = z.record(z.string(), z.unknown());

describe('cdk-nag and the built-in rules', () => {
  it('find nothing that was not acknowledged with a reason', () => {
    const app = appWithoutBundles();
    deploy(app, settingsWith());
    expect(() => app.synth()).not.toThrow();
    const reasons = app.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.values(acknowledgedSchema.parse(data)).map(String));
    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) expect(reason.length).toBeGreaterThan(20);
  });

  it('fail synthesis when something is wrong', () => {
    const app = appWithoutBundles();
    const { service } = deploy(app, settingsWith());
    new Queue(service, 'WithoutTls');
    expect(() => app.synth()).toThrow();
  });
});
