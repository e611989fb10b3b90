import { randomBytes } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { InternalServerError, NotFoundError } from 'openai';
import { describe, expect, test } from 'vitest';
import { createFrozenClock, createSimulator } from '../../../simulator/server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  anthropicClient,
  openAiClient,
  rejection,
  row,
  rowsOf,
  startFrozen,
  submit,
  until,
  upload,
} from './harness.ts';

describe('faults on the routes of files and batches', () => {
  const on = (kind: 'reset_after' | 'reset_before' | 'http500', operation: string) => ({
    batches: { faults: [{ kind, operation }] },
  });

  test('a connection reset after the deed leaves a batch that a list finds', async () => {
    const simulator = await startFrozen(on('reset_after', 'batches.create'));
    const client = openAiClient(simulator);
    expect(String(await rejection(submit(client, [row('a')])))).toContain('Connection error');
    const { data } = await client.batches.list();
    expect(data).toHaveLength(1);
    expect(simulator.stats().batches).toMatchObject({ created: 1, orphans: 1 });
    await client.batches.retrieve(data[0]?.id ?? '');
    expect(simulator.stats().batches.orphans).toBe(0);
  });

  test('a connection reset before it, or a 500, leaves nothing', async () => {
    const simulator = await startFrozen(on('reset_before', 'batches.create'));
    const client = openAiClient(simulator);
    await rejection(submit(client, [row('a')]));
    simulator.configure(on('http500', 'files.create'));
    expect(await rejection(upload(client, [row('a')]))).toBeInstanceOf(InternalServerError);
    expect(simulator.stats()).toMatchObject({
      batches: { created: 0 },
      files: { uploaded: 1, orphans: { inputs: 1 } },
    });
  });

  test('a download may break off', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const file = await upload(client, [row('a')]);
    simulator.configure({ batches: { faults: 'truncated' } });
    const content = client.files.content(file.id).then((response) => response.text());
    expect(await rejection(content)).toBeInstanceOf(Error);
  });

  test('faults of live requests leave them alone', async () => {
    const client = openAiClient(await startFrozen({ faults: 'http500' }));
    expect((await submit(client, [row('a')])).status).toBe('validating');
  });
});

describe('lag', () => {
  test('a new batch is not found, and not listed, for a while', async () => {
    const simulator = await startFrozen({ batches: { lag: { readMs: 2_000, listMs: 30_000 } } });
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a')]);
    expect(await rejection(client.batches.retrieve(id))).toBeInstanceOf(NotFoundError);
    await simulator.advance(2_000);
    await client.batches.retrieve(id);
    expect((await client.batches.list()).data).toEqual([]);
    await simulator.advance(28_000);
    expect((await client.batches.list()).data).toHaveLength(1);
  });

  test('message batches lag the same, and may flicker', async () => {
    const simulator = await startFrozen({ batches: { lag: { listMs: 5_000, flickerShare: 0.5 } } });
    const { batches } = anthropicClient(simulator).messages;
    const params = { model: 'claude-haiku-4-5', max_tokens: 9, messages: [] };
    const { id } = await batches.create({ requests: [{ custom_id: 'a', params }] });
    expect((await batches.list()).data).toEqual([]);
    const looks = Array.from({ length: 20 }, () => batches.retrieve(id));
    const found = (await Promise.allSettled(looks)).filter(({ status }) => status === 'fulfilled');
    expect(found.length).toBeGreaterThan(2);
    expect(found.length).toBeLessThan(18);
  });
});

describe('books', () => {
  test('know what was submitted twice, and what was billed twice', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    await submit(client, [row('a'), row('b')]);
    await submit(client, [row('b'), row('c')]);
    await simulator.advance(10_000);
    const { batches, duplicates, avoidableDuplicates } = simulator.stats();
    expect(batches).toMatchObject({
      created: 2,
      byStatus: { completed: 2 },
      rows: { submitted: 4, billed: 4, duplicate: 1 },
      duplicateBatches: 1,
    });
    expect([duplicates, avoidableDuplicates]).toEqual([1, 0]);
  });

  test('a live request after its answer was downloaded is an avoidable duplicate', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a')]);
    await simulator.advance(10_000);
    const { output_file_id } = await client.batches.retrieve(id);
    expect(simulator.stats().files.orphans.results).toBe(1);
    await rowsOf(client, output_file_id);
    expect(simulator.stats().files.orphans.results).toBe(0);
    const body = JSON.parse(row('a')).body;
    const live = client.chat.completions.create(body);
    await until(() => simulator.stats().inFlight === 1);
    await simulator.advance(1_000);
    await live;
    expect(simulator.stats()).toMatchObject({ billed: 2, duplicates: 1, avoidableDuplicates: 1 });
  });

  test('rows that failed may come again without being duplicates', async () => {
    const simulator = await startFrozen({ batches: { script: ['errors_only'] } });
    const client = openAiClient(simulator);
    await submit(client, [row('a')]);
    await simulator.advance(10_000);
    await submit(client, [row('a')]);
    await simulator.advance(10_000);
    expect(simulator.stats().batches.rows).toEqual({ submitted: 2, billed: 1, duplicate: 0 });
  });

  test('a batch costs half of the same requests live', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    await submit(client, [row('a'), row('b')]);
    await simulator.advance(10_000);
    const { tokens, costMicroUsd } = simulator.stats();
    expect(costMicroUsd).toBe(Math.round((tokens.input * 0.15 + tokens.output * 0.6) / 2));
  });

  test('a reset forgets files, batches and what was due', async () => {
    const simulator = await startFrozen();
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a')]);
    simulator.reset();
    await simulator.advance(10_000);
    expect(await rejection(client.batches.retrieve(id))).toBeInstanceOf(NotFoundError);
    expect(simulator.stats()).toMatchObject({
      batches: { created: 0, byStatus: {} },
      files: { uploaded: 0, stored: 0 },
    });
  });
});

describe('in process, without a socket', () => {
  test('the SDKs run on the fetch of the simulator', async () => {
    const turnaround = { minMs: 10_000, maxMs: 10_000 };
    const simulator = createSimulator({ batches: { turnaround } }, createFrozenClock());
    const options = { baseURL: 'http://simulator/v1', apiKey: 'x', maxRetries: 0 };
    const client = new OpenAI({ ...options, fetch: simulator.fetch });
    const { id } = await submit(client, [row('a')]);
    await simulator.advance(10_000);
    const { output_file_id } = await client.batches.retrieve(id);
    expect(await rowsOf(client, output_file_id)).toHaveLength(1);
    expect(await rejection(client.batches.retrieve('batch_x'))).toBeInstanceOf(NotFoundError);

    const claude = new Anthropic({
      ...options,
      baseURL: 'http://simulator',
      fetch: simulator.fetch,
    });
    const params = { model: 'claude-haiku-4-5', max_tokens: 9, messages: [] };
    const batch = await claude.messages.batches.create({ requests: [{ custom_id: 'a', params }] });
    await simulator.advance(10_000);
    const results = [];
    for await (const one of await claude.messages.batches.results(batch.id)) results.push(one);
    expect(results).toHaveLength(1);
  });

  test('a call takes no virtual time, so that a client may run on a clock that moves by itself', async () => {
    const clock = new FakeClock();
    const events: string[] = [];
    const webhooks = { url: 'http://localhost/hooks', secret: 'secret' };
    const turnaround = { minMs: 3_600_000, maxMs: 3_600_000 };
    const simulator = createSimulator(
      { batches: { turnaround, webhooks } },
      clock,
      async (_, init) => {
        events.push(`${JSON.parse(String(init?.body)).type} at ${clock.nowMs()}`);
        return new Response();
      },
    );
    const client = new OpenAI({
      baseURL: 'http://simulator/v1',
      apiKey: 'x',
      maxRetries: 0,
      fetch: simulator.fetch,
    });
    let isOver = false;
    const other = async () => {
      while (!isOver) await clock.sleep(100);
    };
    const startedAtMs = clock.nowMs();
    const work = async () => {
      const { id } = await submit(client, [row('a')]);
      expect(clock.nowMs()).toBe(startedAtMs);
      await clock.sleep(3_600_000);
      const { status } = await client.batches.retrieve(id);
      expect(status).toBe('completed');
      isOver = true;
    };
    await clock.runUntil(Promise.all([work(), other()]));
    expect(events).toEqual([`batch.completed at ${startedAtMs + 3_600_000}`]);
  });

  test('faults strike there too', async () => {
    const simulator = createSimulator(
      { batches: { faults: [{ kind: 'reset_after', operation: 'batches.create' }] } },
      createFrozenClock(),
    );
    const client = new OpenAI({
      baseURL: 'http://simulator/v1',
      apiKey: 'x',
      maxRetries: 0,
      fetch: simulator.fetch,
    });
    const error = await rejection(submit(client, [row('a')]));
    expect(error).toMatchObject({ cause: { cause: { code: 'ECONNRESET' } } });
    expect(simulator.stats().batches.created).toBe(1);
    simulator.configure({ batches: { faults: 'http429=3s' } });
    const limited = await rejection(client.batches.list());
    expect(Object(limited).headers.get('retry-after')).toBe('3');
  });
});

test('a body above what a route takes is refused', async () => {
  const simulator = await startFrozen();
  const response = await fetch(`${simulator.url}/v1/batches`, {
    method: 'POST',
    body: randomBytes(1_048_577),
  });
  expect(response.status).toBe(413);
});
