import { describe, expect, it } from 'vitest';
import {
  checkDeployedConfig,
  MAX_CONFIG_BYTES,
  readDeployedConfig,
} from '../../infra/deployed-config.ts';

const check = (text: string) => checkDeployedConfig(text, 'penstock.yaml');
const provider = (key: string) => `providers:\n  openai: { dialect: openai, apiKey: "${key}" }\n`;

describe('a penstock.yaml to deploy', () => {
  it('names each secret it refers to once', () => {
    const text = `providers:
  b: { dialect: openai, apiKey: "secretsmanager:prod/b" }
  a: { dialect: anthropic, apiKey: "secretsmanager:prod/a" }
  c: { dialect: openai, baseUrl: "http://10.0.0.1/v1", apiKey: "secretsmanager:prod/b" }
  d: { dialect: openai, baseUrl: "http://10.0.0.2/v1", apiKey: none, webhookSecret: "secretsmanager:prod/hook" }
`;
    expect(check(text)).toEqual({
      text,
      secretNames: ['prod/a', 'prod/b'],
      webhookSecretNames: ['prod/hook'],
    });
  });

  it('is the example', () => {
    const { secretNames } = readDeployedConfig('examples/aws/penstock.yaml');
    expect(secretNames).toEqual(['penstock/anthropic', 'penstock/openai']);
  });

  it('holds no key itself, and does not show it in the error', () => {
    const text = `${provider('sk-canary-0123456789')}server:\n  apiKeys: [{ key: "0123456789abcdef-canary", tenant: a }]\n`;
    expect(() => check(text)).toThrow(
      /providers\.openai\.apiKey .*secretsmanager:NAME[\s\S]*server\.apiKeys/,
    );
    expect(() => check(text)).not.toThrow(/canary/);
  });

  it('holds no secret of webhooks either', () => {
    const text = 'providers: { a: { dialect: openai, apiKey: none, webhookSecret: whsec_canary } }';
    expect(() => check(text)).toThrow(/providers\.a\.webhookSecret .*secretsmanager:NAME/);
    expect(() => check(text)).not.toThrow(/canary/);
  });

  it('holds no variable, which nothing would fill in', () => {
    expect(() => check(provider(`$${'{OPENAI_API_KEY}'}`))).toThrow(/OPENAI_API_KEY/);
  });

  it('fits into a parameter', () => {
    const text = `${provider('none')}# ${'x'.repeat(MAX_CONFIG_BYTES)}\n`;
    expect(() => check(text)).toThrow(/has \d+ bytes and a parameter holds 8192/);
  });

  it('has no text that Systems Manager refuses', () => {
    expect(() => check(`${provider('none')}# {{ssm:x}}\n`)).toThrow(/"{{"/);
  });

  it('is named with its faults, or as absent', () => {
    expect(() => check('providers: { a: { dialect: cobol, apiKey: none } }')).toThrow(
      /penstock\.yaml has .*\n.*providers\.a\.dialect/,
    );
    expect(() => readDeployedConfig('/nowhere/penstock.yaml')).toThrow(
      /^config: \/nowhere\/penstock\.yaml cannot be read.*-c config=FILE/,
    );
  });
});
