import { readdirSync, readFileSync } from 'node:fs';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asAdmin, type Caller, chat, createCaller, provider } from './deployed.ts';

let caller: Caller;
beforeAll(async () => {
  caller = await createCaller('faults');
});
afterEach(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
});

const submitLines = async (batch: string, count: number) => {
  const lines = Array.from({ length: count }, (_, index) => JSON.stringify(chat(`f-${index}`)));
  const headers = { 'penstock-batch': batch };
  const list = await caller.submitMany(lines.join('\n'), 'application/jsonl', headers);
  expect(list.accepted).toBe(count);
};

it('answers everything once a provider that was down is back', async () => {
  await provider.reset();
  await provider.configure({ faults: 'outage@0s-12s', latency: { minMs: 20, maxMs: 60 } });
  const batch = `outage-${Date.now()}`;
  await submitLines(batch, 200);
  const counts = await caller.drained(batch, 180_000);
  expect(counts).toMatchObject({ succeeded: 200, failed: 0 });
  expect((await provider.stats()).avoidableDuplicates).toBe(0);
});

it('answers everything, and publishes nothing twice, when its function is killed mid-window', async () => {
  await provider.reset();
  await provider.configure({ latency: { minMs: 1_500, maxMs: 2_500 } });
  const batch = `killed-${Date.now()}`;
  await submitLines(batch, 300);
  await until(async () => (await provider.stats()).received > 40, 30_000);
  const killed = killDispatchers();
  expect(killed).toBeGreaterThan(0);
  const counts = await caller.drained(batch, 300_000);
  expect(counts).toMatchObject({ succeeded: 300, failed: 0 });
  const stats = await provider.stats();
  // What was in flight at the kill is the only thing asked twice.
  expect(stats.billed).toBeLessThanOrEqual(300 + 300);
  console.log(`Killed ${killed} function(s): ${stats.billed} calls for 300 requests`);
});

describe('a poison message', () => {
  it('ends among the dead letters, leaves its neighbours alone, and can be redriven', async () => {
    const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
    const body = JSON.stringify({ v: 99, not: 'a notice' });
    const QueueUrl = queueUrl('PENSTOCK_BULK_QUEUE_URL');
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    const batch = `poison-${Date.now()}`;
    await submitLines(batch, 20);
    expect(await caller.drained(batch, 120_000)).toMatchObject({ succeeded: 20 });
    // Kept once its queue has given it up; sent back, it comes here again.
    const redrive = async () => {
      const response = await asAdmin('/v1/redrive', { method: 'POST' });
      expect(response.status).toBe(200);
      return ((await response.json()) as { moved: number }).moved;
    };
    await until(async () => (await redrive()) > 0, 120_000);
    await until(async () => (await redrive()) > 0, 120_000);
  });
});

/** Set by `npm run e2e` from the stack's outputs. */
function queueUrl(name: string): string {
  const url = process.env[name];
  if (url === undefined) throw new Error(`${name} is not set; run npm run e2e`);
  return url;
}

async function until(isTrue: () => Promise<boolean>, withinMs: number): Promise<void> {
  const untilMs = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > untilMs) throw new Error(`Not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Ends, as a crash would, the processes in which the emulator runs the dispatch function. */
function killDispatchers(): number {
  let killed = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let environment = '';
    try {
      environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    } catch {
      continue;
    }
    if (/(^|\0)AWS_LAMBDA_FUNCTION_NAME=[^\0]*Dispatch/.test(environment)) {
      process.kill(Number(pid), 'SIGKILL');
      killed += 1;
    }
  }
  return killed;
}
