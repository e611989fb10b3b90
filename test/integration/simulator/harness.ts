import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { toFile } from 'openai';
import { onTestFinished } from 'vitest';
import {
  createFrozenClock,
  type Simulator,
  type SimulatorClock,
  type SimulatorOptions,
  startSimulator,
} from '../../../simulator/server.ts';

export interface TestClock extends SimulatorClock {
  advance(ms: number): void;
}

/** A clock on which work takes its time without anyone waiting: a sleep moves the clock along. */
export function createTestClock(): TestClock {
  let nowMs = 1_700_000_000_000;
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += Math.round(ms);
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
}

/** A clock whose sleepers wait until they are let go. */
export function createHeldClock(): SimulatorClock & { letGo(): void } {
  let sleepers: (() => void)[] = [];
  return {
    nowMs: () => 1_700_000_000_000,
    sleep: () => new Promise((resolve) => sleepers.push(resolve)),
    letGo: () => {
      for (const wake of sleepers) wake();
      sleepers = [];
    },
  };
}

/** A simulator that stops with the test; work takes 100 ms of its clock's time unless told otherwise. */
export async function start(
  options: SimulatorOptions = {},
  clock: SimulatorClock = createTestClock(),
): Promise<Simulator> {
  const simulator = await startSimulator(
    { latency: { minMs: 100, maxMs: 100 }, ...options },
    clock,
  );
  onTestFinished(() => simulator.close());
  return simulator;
}

export function openAiClient(simulator: Pick<Simulator, 'url'>, apiKey = 'sk-test-0001'): OpenAI {
  return new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey, maxRetries: 0 });
}

export function anthropicClient(simulator: Simulator, apiKey = 'sk-ant-0001'): Anthropic {
  return new Anthropic({ baseURL: simulator.url, apiKey, maxRetries: 0 });
}

export const MODEL = 'gpt-4o-mini';

/** A small chat request that bears an id. */
export function chat(id: string, extra: object = {}) {
  return {
    model: MODEL,
    messages: [{ role: 'user' as const, content: `Say something. [id:${id}]` }],
    max_tokens: 40,
    ...extra,
  };
}

/** What a rejected promise was rejected with; fails when it was not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => ({ fulfilled: true }) as const,
    (error: unknown) => ({ fulfilled: false, error }) as const,
  );
  if (outcome.fulfilled) throw new Error('The call was expected to fail.');
  return outcome.error;
}

/** POSTs without an SDK in between. */
export function post(
  simulator: Simulator,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(simulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Resolves once the condition holds; the test's own timeout bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A simulator on a clock that stands still until `advance`; batches end within 10 s unless told otherwise. */
export async function startFrozen(options: SimulatorOptions = {}): Promise<Simulator> {
  const turnaround = { minMs: 10_000, maxMs: 10_000 };
  return start(
    { ...options, batches: { turnaround, ...options.batches } },
    createFrozenClock(1_700_000_000_000),
  );
}

/** A line of a batch's input file. */
export function row(customId: string, body: object = chat(customId)): string {
  return JSON.stringify({ custom_id: customId, method: 'POST', url: '/v1/chat/completions', body });
}

/** Uploads rows as an input file. */
export async function upload(client: OpenAI, lines: readonly string[], name = 'input.jsonl') {
  const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), name);
  return client.files.create({ file, purpose: 'batch' });
}

/** Uploads rows and makes a batch of them. */
export async function submit(client: OpenAI, lines: readonly string[]): Promise<OpenAI.Batch> {
  const file = await upload(client, lines);
  return client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
}

/** The rows of a result file. */
export async function rowsOf(
  client: OpenAI,
  fileId: string | null | undefined,
): Promise<ResultRow[]> {
  const text = await (await client.files.content(fileId ?? '')).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** What a result file says of one request. */
export interface ResultRow {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: Record<string, unknown>;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}
