/** How long the API function itself takes to accept, with its own wiring, on the emulator. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { LambdaContext } from 'hono/aws-lambda';
import { stringify } from 'yaml';
import { createHandler } from '../../functions/api/handler.ts';
import { wireApi } from '../../functions/api/wire.ts';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { createBucket, createQueue, createTable } from '../../test/support/aws-resources.ts';
import { lambdaContext } from '../../test/support/lambda-events.ts';
import { percentiles } from '../answers.ts';
import { asCount, atMost, type Goal } from '../goals.ts';
import type { BenchContext, FigureTable } from '../scenario.ts';
import { workloadLines } from '../workload.ts';
import { gatewayEvent } from './in-process-home.ts';

const MODEL = 'gpt-4o-mini';
const MOST_OWN_MS = 50;
const MOST_BULK_MS = 5_000;
const WARM_UP = 10;

export async function measureSubmission(
  context: BenchContext,
): Promise<{ readonly table: FigureTable; readonly goals: readonly Goal[] }> {
  context.say('Accepting through the API function on the emulator');
  const singles = context.isQuick ? 50 : 300;
  const lines = context.isQuick ? 1_000 : 5_000;
  const runs = context.isQuick ? 1 : 5;
  const handle = createHandler(
    wireApi(await deploy(), { count: () => undefined, log: () => undefined }),
  );
  const post = async (body: string, type: string): Promise<void> => {
    const { statusCode, body: said } = await handle(
      gatewayEvent('/v1/requests', body, type),
      LAMBDA,
    );
    if (statusCode >= 300) throw new Error(`The API answered ${statusCode}: ${said}`);
  };
  const wire = new WireWatch();
  const single: Timing[] = [];
  for (const { text } of linesOf(context, singles + WARM_UP)) {
    single.push(await wire.time(() => post(text, 'application/json')));
  }
  single.splice(0, WARM_UP);
  const bulk: Timing[] = [];
  for (let run = 0; run < runs; run += 1) {
    const body = linesOf(context, lines)
      .map(({ text }) => text)
      .join('\n');
    bulk.push(await wire.time(() => post(body, 'application/x-ndjson')));
  }
  wire.stop();
  const own = percentiles(single.map(({ ownMs }) => ownMs));
  const worst = Math.max(...bulk.map(({ wallMs }) => wallMs));
  return {
    table: {
      title: 'Accepting requests',
      setting: `The API function's own wiring and adapters in this process, one call after another, on the emulator (MiniStack). Own time: what is left of the whole once the time is taken away in which a call to the emulator was under way. Bulk: the slowest of ${runs}.`,
      header: ['', 'calls', 'whole P50/P95 ms', 'own P50/P95 ms'],
      rows: [
        ['one request', asCount(single.length), spread(single, 'wallMs'), spread(single, 'ownMs')],
        [`${asCount(lines)} lines`, asCount(runs), spread(bulk, 'wallMs'), spread(bulk, 'ownMs')],
      ],
    },
    goals: [
      atMost(MOST_OWN_MS, {
        ...{ where: 'one request', what: "P95 of the API function's own time", value: own.p95 },
        format: asMs,
      }),
      atMost(MOST_BULK_MS, {
        ...{ where: `${asCount(lines)} lines`, what: 'accepted within', value: worst },
        format: asMs,
      }),
    ],
  };
}

const asMs = (ms: number): string => `${ms.toFixed(1)} ms`;

interface Timing {
  readonly wallMs: number;
  readonly ownMs: number;
}

function spread(timings: readonly Timing[], what: keyof Timing): string {
  const { p50, p95 } = percentiles(timings.map((timing) => timing[what]));
  return `${p50.toFixed(1)} / ${p95.toFixed(1)}`;
}

const LAMBDA: LambdaContext = { ...lambdaContext(), callbackWaitsForEmptyEventLoop: true };

function linesOf({ seed }: BenchContext, count: number) {
  return [...workloadLines({ dialect: 'openai', model: MODEL, count, seed, kind: 'tiny' })];
}

/** What the API function finds in its environment. */
async function deploy(): Promise<Record<string, string>> {
  const config = {
    providers: {
      simulated: { dialect: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'none' },
    },
    models: { [MODEL]: { provider: 'simulated', limits: {}, lanes: ['live'] } },
  };
  const parameter = `/bench/${Date.now()}`;
  await new SSMClient().send(
    new PutParameterCommand({ Name: parameter, Value: stringify(config), Type: 'String' }),
  );
  const secrets = new SecretsManagerClient();
  const secret = `bench-${Date.now()}`;
  await secrets.send(new CreateSecretCommand({ Name: secret, SecretString: 'x'.repeat(32) }));
  const bulk = await createQueue();
  return {
    [ENV.table]: await createTable(),
    [ENV.bucket]: await createBucket(),
    [ENV.interactiveQueueUrl]: await createQueue(),
    [ENV.bulkQueueUrl]: bulk,
    [ENV.batchQueueUrl]: await createQueue(),
    [ENV.deadLetterQueueUrl]: bulk,
    [ENV.configParameter]: parameter,
    [ENV.adminKeySecret]: secret,
    [ENV.pepperSecret]: secret,
    [ENV.retentionDays]: '30',
  };
}

/** Knows when an HTTP call of this process is under way; there are none but those to AWS. */
class WireWatch {
  private open = 0;
  private sinceMs = 0;
  private waitedMs = 0;

  constructor() {
    subscribe(REQUEST, this.begin);
    subscribe(RESPONSE, this.end);
    subscribe(FAULT, this.end);
  }

  stop(): void {
    unsubscribe(REQUEST, this.begin);
    unsubscribe(RESPONSE, this.end);
    unsubscribe(FAULT, this.end);
  }

  async time(work: () => Promise<void>): Promise<Timing> {
    const waitedMs = this.waitedMs;
    const beganAtMs = performance.now();
    await work();
    const wallMs = performance.now() - beganAtMs;
    return { wallMs, ownMs: wallMs - (this.waitedMs - waitedMs) };
  }

  private readonly begin = (): void => {
    if (this.open === 0) this.sinceMs = performance.now();
    this.open += 1;
  };

  private readonly end = (): void => {
    this.open -= 1;
    if (this.open === 0) this.waitedMs += performance.now() - this.sinceMs;
  };
}

const REQUEST = 'http.client.request.start';
const RESPONSE = 'http.client.response.finish';
const FAULT = 'http.client.request.error';
