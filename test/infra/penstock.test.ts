import { App, Duration, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { Penstock } from '../../infra/penstock.ts';
import { appWithoutBundles } from './synthesize.ts';

const CONFIG = {
  text: 'providers: { openai: { dialect: openai, apiKey: "secretsmanager:openai" } }',
};

describe('Penstock in an app of your own', () => {
  it('is one construct with one prop, as clean as ours', () => {
    const app = appWithoutBundles();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
    const stack = new Stack(app, 'Mine');
    const penstock = new Penstock(stack, 'Penstock', { config: CONFIG });
    expect(() => app.synth()).not.toThrow();
    expect(stack.resolve(penstock.baseUrl)).toHaveProperty('Fn::Join');
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::DynamoDB::GlobalTable', 1);
    template.resourceCountIs('AWS::Lambda::Function', 7);
  });

  it('works without the flags that we set', () => {
    const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Mine');
    new Penstock(stack, 'Penstock', { config: CONFIG, retention: { retention: Duration.days(3) } });
    Template.fromStack(stack).hasResourceProperties('AWS::SSM::Parameter', { Value: CONFIG.text });
  });

  it('names what is wrong with its configuration', () => {
    const stack = new Stack(appWithoutBundles(), 'Mine');
    const config = {
      text: 'providers: { openai: { dialect: openai, apiKey: "sk-0123456789abcdef" } }',
    };
    expect(() => new Penstock(stack, 'Penstock', { config })).toThrow(
      /config\.text cannot be deployed/,
    );
  });

  it('grants what a whole ARN names, to the letter', () => {
    const stack = new Stack(appWithoutBundles(), 'Mine');
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:openai-AbCdEf';
    const text = `providers: { openai: { dialect: openai, apiKey: "secretsmanager:${arn}" } }`;
    new Penstock(stack, 'Penstock', { config: { text } });
    const policies = JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
    expect(policies).toContain(`"${arn}"`);
  });
});
