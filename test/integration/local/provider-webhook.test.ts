import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Engine, LOCAL_TENANT, openEngine } from '../../../local/engine.ts';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { parseConfig } from '../../../shared/contracts/config.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { loadModels } from '../../../shared/runtime/configured-models.ts';
import { startSimulator } from '../../../simulator/server.ts';
import { bodyOf } from '../../support/native-world.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Time that does not pass: nobody is woken by it. */
const STOPPED: Clock = {
  nowMs: () => 1_795_514_400_000,
  sleep: (_ms, signal) =>
    new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
};

async function openStopped(url: string): Promise<Engine> {
  const directory = mkdtempSync(join(tmpdir(), 'penstock-engine-'));
  closing.push(() => rmSync(directory, { recursive: true }));
  const providers = { openai: { dialect: 'openai', baseUrl: `${url}/v1`, apiKey: 'none' } };
  const rules = { environment: {}, needsKeys: true, hasSecretStore: false };
  const parsed = parseConfig({ providers }, rules);
  if (parsed.kind === 'faulty') throw new Error(JSON.stringify(parsed.faults));
  const { config } = parsed;
  const engine = await openEngine({
    ...{ directory, purpose: 'run', config, source: 'test', random: systemRandom },
    models: await loadModels(config, { source: 'test' }),
    clock: STOPPED,
    telemetry: { count: () => undefined, log: () => undefined },
    onPublished: () => undefined,
  });
  closing.push(() => engine.close());
  return engine;
}

it('takes in a batch on one machine as soon as its provider tells of the end', async () => {
  const simulator = await startSimulator({
    batches: { turnaround: { minMs: 200, maxMs: 250 }, validationMs: 20, finalizingMs: 20 },
  });
  closing.push(() => simulator.close());
  const engine = await openStopped(simulator.url);
  const content = bodyOf('gpt-4o-mini', 'r1');
  const [body] = await engine.payloads.append(LOCAL_TENANT, [Buffer.from(JSON.stringify(content))]);
  if (body === undefined) throw new Error('nothing was appended');
  await engine.requests.accept([
    {
      ...{ id: 'r1', tenant: LOCAL_TENANT, customId: null, batchId: null, model: 'gpt-4o-mini' },
      ...{ endpoint: '/v1/chat/completions', lane: 'native', route: 'native', priority: 9 },
      ...{ tags: [], fingerprint: 'f', body, inputTokens: 9, maxOutputTokens: 16 },
      ...{ prefixKey: null, groupOrder: 0, createdAtMs: STOPPED.nowMs(), deadlineAtMs: null },
    },
  ]);
  const running = engine.dispatcher.run({ untilDrained: true });
  const batch = await endedBatch(simulator.url);
  const [job] = await engine.nativeJobs.unfinished();
  expect(job).toMatchObject({ phase: 'submitted', batchId: batch });
  expect(await engine.nativePolling.pollSoon('openai', 'batch_of_somebody')).toBe(false);
  expect(await engine.nativePolling.pollSoon('openai', batch)).toBe(true);
  await expect
    .poll(() => engine.requests.get(LOCAL_TENANT, 'r1'), { timeout: 10_000 })
    .toMatchObject({ status: 'succeeded', outcome: { lane: 'native' } });
  engine.dispatcher.stop();
  await running;
});

async function endedBatch(url: string): Promise<string> {
  let id = '';
  await expect
    .poll(
      async () => {
        const { data } = Object(await (await fetch(`${url}/v1/batches`)).json());
        id = data[0]?.id ?? '';
        return data[0]?.status;
      },
      { timeout: 10_000 },
    )
    .toBe('completed');
  return id;
}
