/** What requests take of DynamoDB, SQS and S3, counted from the calls of the real adapters. */

import type { CompletionProvider } from '../../shared/ports/completion-provider.ts';
import { modelSettings } from '../../test/support/virtual-run.ts';
import type { BenchContext } from '../scenario.ts';
import { workloadLines } from '../workload.ts';
import { startInProcessHome, TENANT } from './in-process-home.ts';

const MODEL = 'gpt-4o-mini';
const POLL_MS = 250;
/** Answers of so many characters, as in the facts on performance. */
const ANSWER_CHARS = 1_000;

/** All figures are those of the whole run. */
export interface Counted {
  readonly name: string;
  readonly requests: number;
  readonly apiCalls: number;
  /** Time in the API's handler, one call at a time. Unit: ms. */
  readonly apiMs: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly queueCalls: number;
  readonly objectPuts: number;
  readonly objectGets: number;
  readonly dispatches: number;
  /** CPU of this process while requests were dispatched. Unit: ms. */
  readonly dispatchCpuMs: number;
  readonly seconds: number;
  readonly tableBytes: number;
  readonly calls: Readonly<Record<string, number>>;
}

export interface CountedRun {
  readonly name: string;
  readonly requests: number;
  readonly perCall: number;
  /** Each line with a key of its own. */
  readonly isKeyed?: boolean;
}

/** Sends requests through the API's handler, and waits until all are answered. */
export async function countCalls(
  { seed, say }: BenchContext,
  { name, requests, perCall, isKeyed = false }: CountedRun,
): Promise<Counted> {
  const settings = modelSettings({ perMinute: {}, concurrency: 512 }, { name: MODEL });
  const home = await startInProcessHome(settings, instantProvider());
  const { aws, ledger, queues, dispatch } = home;
  let apiCalls = 0;
  let apiMs = 0;
  let group: string[] = [];
  const send = async (): Promise<void> => {
    const isOne = perCall === 1;
    const path = '/v1/requests';
    const type = isOne ? 'application/json' : 'application/x-ndjson';
    const beganAtMs = performance.now();
    const status = await home.post(path, group.join('\n'), type);
    apiMs += performance.now() - beganAtMs;
    apiCalls += 1;
    if (status >= 300) throw new Error(`The API answered ${status}`);
    group = [];
  };
  const beganAtMs = performance.now();
  const shape = { dialect: 'openai', model: MODEL, count: requests, seed, kind: 'alone' } as const;
  for (const { text, customId } of workloadLines(shape)) {
    group.push(isKeyed ? JSON.stringify({ id: customId, ...JSON.parse(text) }) : text);
    if (group.length === perCall) await send();
  }
  if (group.length > 0) await send();
  say(`${name}: accepted`);

  const cpu = process.cpuUsage();
  const running = home.work();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (!isAllQuiet(queues)) continue;
    const { succeeded, queued, running: held } = await uncounted(home, TENANT);
    if (queued + held > 0) continue;
    if (succeeded !== requests) throw new Error(`${succeeded} of ${requests} were answered`);
    break;
  }
  home.stop();
  await Promise.all(running);
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...{ name, requests, apiCalls, apiMs },
    writeUnits: aws.dynamo.units.write,
    readUnits: aws.dynamo.units.read,
    queueCalls: queues.reduce(
      (sum, { calls }) => sum + calls.send + calls.receive + calls.delete + calls.changeVisibility,
      0,
    ),
    objectPuts: (aws.s3.calls['PutObject'] ?? 0) + (aws.s3.calls['ListObjectsV2'] ?? 0),
    objectGets: aws.s3.calls['GetObject'] ?? 0,
    dispatches: dispatch.outcomes.returned,
    dispatchCpuMs: (user + system) / 1_000,
    seconds: (performance.now() - beganAtMs) / 1_000,
    tableBytes: aws.dynamo.storedBytes(),
    calls: { ...aws.dynamo.calls, ...aws.s3.calls },
  };

  /** Our own looking is no part of what is measured. */
  async function uncounted(_: unknown, tenant: string) {
    const before = { ...aws.dynamo.units };
    const counts = await ledger.requests.counts(tenant);
    Object.assign(aws.dynamo.units, before);
    return counts;
  }
}

function isAllQuiet(queues: readonly { readonly size: number }[]): boolean {
  return queues.every(({ size }) => size === 0);
}

/** Answers at once, so that only our own work is counted. */
function instantProvider(): CompletionProvider {
  const content = 'x'.repeat(ANSWER_CHARS);
  return {
    name: 'virtual',
    call: async ({ requestId }) => ({
      kind: 'answered',
      statusCode: 200,
      requestId,
      bodyJson: JSON.stringify({ id: requestId, choices: [{ message: { content } }] }),
      usage: {
        inputTokens: 200,
        cachedInputTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: 100,
      },
      finishReason: 'stop',
      signals: { windows: {} },
    }),
    probe: () => Promise.reject(new Error('not needed')),
    close: async () => undefined,
  };
}
