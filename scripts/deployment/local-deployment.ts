/** `cdk deploy` against an emulator on this machine, and where the deployed API answers there. */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { BINARIES_FIRST, emulatorEnvironment } from '../emulator/start-emulator.ts';

const ACCOUNT = '000000000000';
const OUT = 'cdk.out';

export interface LocalDeploymentOptions {
  /** Where the emulator answers, with an IP for its host: that makes S3 clients use paths. */
  readonly endpoint: string;
  /** Text of penstock.yaml. */
  readonly config: string;
  /** Values of the secrets that the configuration refers to, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Shows what `cdk` says; otherwise it is shown only when it fails. */
  readonly isVerbose: boolean;
  /** More CDK context, `name=value`. */
  readonly context?: readonly string[];
}

export interface LocalDeployment {
  /** Base of the API, without `/v1`. */
  readonly url: string;
  readonly adminKey: string;
  readonly bulkQueueUrl: string;
}

/** Outputs of the stacks that are needed here. */
const outputsSchema = z.object({
  BaseUrl: z.string(),
  AdminKeySecret: z.string(),
  BulkQueueUrl: z.string(),
});

/** Deploys both stacks to the emulator; again, it changes only what has changed. */
export async function deployLocally(options: LocalDeploymentOptions): Promise<LocalDeployment> {
  const { endpoint, config, secrets, isVerbose, context = [] } = options;
  const environment = deploymentEnvironment(endpoint);
  const client = secretsClient(endpoint);
  for (const [name, value] of Object.entries(secrets)) await putSecret(client, name, value);

  mkdirSync(OUT, { recursive: true });
  const configPath = join(OUT, 'local-penstock.yaml');
  const outputsPath = join(OUT, 'local-outputs.json');
  writeFileSync(configPath, config);
  const settings = ['stage=local', 'emulator=true', `config=${configPath}`, ...context];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  const cdk = (args: readonly string[]) => runCdk(args, environment, isVerbose);
  await cdk(['bootstrap', `aws://${ACCOUNT}/${environment['AWS_REGION']}`, ...flags]);
  await cdk([
    ...['deploy', '--all', '--require-approval', 'never', '--concurrency', '2'],
    ...['--outputs-file', outputsPath, ...flags],
  ]);

  const outputs = readOutputs(outputsPath);
  const secret = await client.send(new GetSecretValueCommand({ SecretId: outputs.AdminKeySecret }));
  if (secret.SecretString === undefined) throw new Error('The admin key has no value.');
  return {
    url: outputs.BaseUrl,
    adminKey: secret.SecretString,
    bulkQueueUrl: outputs.BulkQueueUrl,
  };
}

/** Clients made here are for the emulator, whatever the environment of this process says. */
function secretsClient(endpoint: string): SecretsManagerClient {
  const environment = emulatorEnvironment(endpoint);
  return new SecretsManagerClient({
    endpoint,
    region: environment['AWS_REGION'] ?? '',
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });
}

function deploymentEnvironment(endpoint: string): Record<string, string> {
  const environment = emulatorEnvironment(endpoint);
  return {
    ...environment,
    // Whoever starts a script with `node` has not got the binaries on theirs.
    PATH: BINARIES_FIRST,
    CDK_DEFAULT_ACCOUNT: ACCOUNT,
    CDK_DEFAULT_REGION: environment['AWS_REGION'] ?? '',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
}

async function putSecret(client: SecretsManagerClient, name: string, value: string): Promise<void> {
  try {
    await client.send(new CreateSecretCommand({ Name: name, SecretString: value }));
  } catch (error) {
    if (!(error instanceof ResourceExistsException)) throw error;
    await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value }));
  }
}

/** What both stacks put out, together. */
function readOutputs(path: string): z.infer<typeof outputsSchema> {
  const stacks = z
    .record(z.string(), z.record(z.string(), z.string()))
    .parse(JSON.parse(readFileSync(path, 'utf8')));
  return outputsSchema.parse(Object.assign({}, ...Object.values(stacks)));
}

/** Runs the CDK's command line to its end. */
function runCdk(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  isVerbose: boolean,
): Promise<void> {
  const child = spawn('cdk', [...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (isVerbose) process.stderr.write(chunk);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`cdk ${args[0]} failed (${code})${isVerbose ? '' : `:\n${said}`}`));
    });
  });
}
