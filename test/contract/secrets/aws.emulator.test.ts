import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SSMProvider } from '@aws-lambda-powertools/parameters/ssm';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { expect, it, vi } from 'vitest';
import { AWS_CLIENT_OPTIONS } from '../../../shared/adapters/aws/client-options.ts';
import {
  createParameterReader,
  createSecretReader,
} from '../../../shared/adapters/secrets/stored-values.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { countCalls, failCalls } from '../../support/aws-faults.ts';
import { callAws } from '../../support/aws-stores.ts';

function makeSecrets() {
  const client = new SecretsManagerClient(AWS_CLIENT_OPTIONS);
  const provider = new SecretsProvider({ awsSdkV3Client: client });
  return { client, read: createSecretReader({ provider, callAws }), calls: countCalls([client]) };
}

function makeParameters() {
  const client = new SSMClient(AWS_CLIENT_OPTIONS);
  const provider = new SSMProvider({ awsSdkV3Client: client });
  return {
    client,
    read: createParameterReader({ provider, callAws }),
    calls: countCalls([client]),
  };
}

async function createSecret(client: SecretsManagerClient, SecretString: string) {
  const Name = systemRandom.id('penstock/');
  await client.send(new CreateSecretCommand({ Name, SecretString }));
  return Name;
}

it('reads a secret once for all who ask at the same time, and again after a minute', async () => {
  const { client, read, calls } = makeSecrets();
  const name = await createSecret(client, 'sk-one');
  const values = await Promise.all(Array.from({ length: 20 }, () => read(name)));
  expect(new Set(values)).toEqual(new Set(['sk-one']));
  await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: 'sk-two' }));
  expect(await read(name)).toBe('sk-one');
  expect(calls.of('GetSecretValueCommand')).toBe(1);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  try {
    expect(await read(name)).toBe('sk-two');
  } finally {
    vi.useRealTimers();
  }
});

it('names a secret that is not there, and how to create it; asks again the next time', async () => {
  const { client, read } = makeSecrets();
  const name = systemRandom.id('penstock/');
  await expect(read(name)).rejects.toMatchObject({
    code: 'invalid_configuration',
    message: expect.stringContaining(`create-secret --name ${name}`),
    details: { secret: name },
  });
  await client.send(new CreateSecretCommand({ Name: name, SecretString: 'sk-late' }));
  expect(await read(name)).toBe('sk-late');
});

it('says when a secret may not be read', async () => {
  const { client, read } = makeSecrets();
  const name = await createSecret(client, 'sk-hidden');
  const denied = { name: 'AccessDeniedException', status: 400 };
  failCalls(client, 'GetSecretValueCommand', 1, denied);
  await expect(read(name)).rejects.toMatchObject({
    code: 'invalid_configuration',
    message: expect.stringContaining('may not be read'),
  });
  expect(await read(name)).toBe('sk-hidden');
});

it('outlasts a throttle', async () => {
  const { client, read } = makeSecrets();
  const name = await createSecret(client, 'sk-slow');
  failCalls(client, 'GetSecretValueCommand', 2, { name: 'ThrottlingException', status: 400 });
  expect(await read(name)).toBe('sk-slow');
});

it('reads a parameter, encrypted or not, and names one that is not there', async () => {
  const { client, read, calls } = makeParameters();
  const value = 'providers:\n  openai: { dialect: openai, apiKey: "ünï" }\n';
  for (const Type of ['String', 'SecureString'] as const) {
    const Name = systemRandom.id('/penstock/');
    await client.send(new PutParameterCommand({ Name, Type, Value: value }));
    expect(await read(Name)).toBe(value);
    expect(await read(Name)).toBe(value);
  }
  expect(calls.of('GetParameterCommand')).toBe(2);
  await expect(read('/penstock/none')).rejects.toMatchObject({
    code: 'invalid_configuration',
    details: { parameter: '/penstock/none' },
  });
});
