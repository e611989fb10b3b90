import { describe, expect, test } from 'vitest';
import type { SimulatorOptions } from '../../../simulator/server.ts';
import {
  openAiClient,
  type ResultRow,
  row,
  rowsOf,
  startFrozen,
  submit,
  upload,
} from './harness.ts';

const WINDOW_MS = 86_400_000;

/** Ten rows, sent and waited for until nothing more happens. */
async function runTen(batches: NonNullable<SimulatorOptions['batches']>) {
  const simulator = await startFrozen({ batches });
  const client = openAiClient(simulator);
  const lines = Array.from({ length: 10 }, (_, index) => row(`r${index}`));
  const { id } = await submit(client, lines);
  await simulator.advance(WINDOW_MS + 60_000);
  const batch = await client.batches.retrieve(id);
  const read = async (fileId: string | null | undefined): Promise<ResultRow[]> =>
    fileId ? rowsOf(client, fileId) : [];
  return {
    simulator,
    client,
    batch,
    output: await read(batch.output_file_id),
    errors: await read(batch.error_file_id),
  };
}

describe('every way to end can be told in advance', () => {
  test.each([
    ['completed', 'completed', 10, 0, { total: 10, completed: 10, failed: 0 }],
    ['errors_only', 'completed', 0, 10, { total: 10, completed: 0, failed: 10 }],
    // Seen in the wild: expired rows are in neither count.
    ['expired', 'expired', 5, 5, { total: 10, completed: 5, failed: 0 }],
    ['expired_errors_only', 'expired', 0, 10, { total: 10, completed: 0, failed: 0 }],
    ['cancelled', 'cancelled', 5, 0, { total: 10, completed: 5, failed: 0 }],
    ['cancelled_empty', 'cancelled', 0, 0, { total: 10, completed: 0, failed: 0 }],
    ['failed', 'failed', 0, 0, { total: 0, completed: 0, failed: 0 }],
    ['stuck', 'in_progress', 0, 0, { total: 10, completed: 0, failed: 0 }],
  ] as const)('%s', async (outcome, status, inOutput, inErrors, counts) => {
    const { batch, output, errors, simulator } = await runTen({ script: [outcome] });
    expect(batch.status).toBe(status);
    expect(batch.request_counts).toEqual(counts);
    expect([output.length, errors.length]).toEqual([inOutput, inErrors]);
    expect(batch.output_file_id === null).toBe(inOutput === 0);
    expect(batch.error_file_id === null).toBe(inErrors === 0);
    expect(simulator.stats().billed).toBe(inOutput);
  });

  test('mixed has both files', async () => {
    const { batch, output, errors } = await runTen({ script: ['mixed'] });
    expect(batch.status).toBe('completed');
    expect(output.length).toBeGreaterThan(0);
    expect(errors.length).toBeGreaterThan(0);
    expect(output.length + errors.length).toBe(10);
    expect(errors[0]).toEqual({
      id: expect.stringMatching(/^batch_req_/),
      custom_id: expect.any(String),
      response: {
        status_code: expect.any(Number),
        request_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        body: { error: expect.objectContaining({ message: expect.any(String) }) },
      },
      error: null,
    });
  });

  test('failed carries the errors it was given', async () => {
    const errors = [
      { code: 'invalid_json_line', message: 'Bad.', param: null, line: 4 },
      { code: 'token_limit_exceeded', message: 'Full.' },
    ];
    const { batch } = await runTen({ script: [{ outcome: 'failed', errors }] });
    expect(batch.errors).toEqual({
      object: 'list',
      data: [errors[0], { ...errors[1], param: null, line: null }],
    });
  });

  test('a script goes batch by batch, and what follows it is drawn', async () => {
    const simulator = await startFrozen({ batches: { script: ['errors_only', null] } });
    const client = openAiClient(simulator);
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) ids.push((await submit(client, [row(name)])).id);
    await simulator.advance(10_000);
    const failed: unknown[] = [];
    for (const id of ids) failed.push((await client.batches.retrieve(id)).request_counts?.failed);
    expect(failed).toEqual([1, 0, 0]);
    simulator.configure({ batches: { script: ['expired_errors_only'] } });
    const { id } = await submit(client, [row('d')]);
    await simulator.advance(WINDOW_MS);
    expect((await client.batches.retrieve(id)).status).toBe('expired');
  });
});

describe('every shape of a row', () => {
  test('ok, HTTP failures, lost and absent', async () => {
    const rowKinds = ['ok', 'http400', 'http429', 'http500', 'lost', 'absent'] as const;
    const { batch, output, errors } = await runTen({ script: [{ rowKinds: [...rowKinds] }] });
    expect(batch.request_counts).toEqual({ total: 10, completed: 7, failed: 3 });
    const statuses = Object.fromEntries(
      [...output, ...errors].map((one) => [one.custom_id, one.response?.status_code]),
    );
    expect(statuses).toEqual({
      r0: 200,
      r1: 400,
      r2: 429,
      r3: 500,
      r4: 0,
      r6: 200,
      r7: 200,
      r8: 200,
      r9: 200,
    });
    expect(output.find(({ custom_id }) => custom_id === 'r4')).toEqual({
      id: expect.any(String),
      custom_id: 'r4',
      response: { status_code: 0, request_id: '', body: {} },
      error: null,
    });
  });

  test('expired', async () => {
    const { errors } = await runTen({ script: ['expired'] });
    expect(errors[0]).toEqual({
      id: expect.stringMatching(/^batch_req_/),
      custom_id: expect.any(String),
      response: null,
      error: { code: 'batch_expired', message: expect.any(String) },
    });
  });

  test('shares of failures are drawn by row', async () => {
    const rowFailures = { http500: 0.3, absent: 0.3 };
    const { batch, output, errors } = await runTen({ rowFailures });
    expect(batch.request_counts?.failed).toBe(errors.length);
    expect(output.length + errors.length).toBeLessThan(10);
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe('what may be wrong with a result file', () => {
  const idsOf = (rows: readonly ResultRow[]) => rows.map(({ custom_id }) => custom_id);
  const inOrder = Array.from({ length: 10 }, (_, index) => `r${index}`);

  test('rows come in the order of completion, or of the input', async () => {
    const shuffled = await runTen({});
    expect(idsOf(shuffled.output)).not.toEqual(inOrder);
    expect(idsOf(shuffled.output).toSorted()).toEqual(inOrder);
    const ordered = await runTen({ rows: { order: 'input' } });
    expect(idsOf(ordered.output)).toEqual(inOrder);
  });

  test('duplicated and foreign rows', async () => {
    const { output } = await runTen({ rows: { duplicateShare: 1, foreign: 2 } });
    expect(idsOf(output).slice(0, 10)).toEqual(idsOf(output).slice(10, 20));
    expect(idsOf(output).slice(20)).toEqual(['foreign-0', 'foreign-1']);
  });

  test('a byte order mark, a line that is no JSON, a last line cut short', async () => {
    const rows = { bom: true, malformed: 1, truncated: true };
    const simulator = await startFrozen({ batches: { rows: { ...rows, foreign: 1 } } });
    const client = openAiClient(simulator);
    const { id } = await submit(client, [row('a')]);
    await simulator.advance(10_000);
    const { output_file_id } = await client.batches.retrieve(id);
    const content = await client.files.content(output_file_id ?? '');
    const text = Buffer.from(await content.arrayBuffer()).toString();
    expect(text.startsWith('\uFEFF{')).toBe(true);
    expect(text.endsWith('\n')).toBe(false);
    expect(text.split('\n')).toHaveLength(3);
  });
});

describe('quirks', () => {
  test('an error file id that is blank', async () => {
    const { batch } = await runTen({ quirks: ['blank_error_file_id'] });
    expect(batch.error_file_id).toBe('');
  });

  test('those of Azure', async () => {
    const { client, batch } = await runTen({ quirks: 'azure' });
    expect(batch.status).toBe('Completed');
    expect(batch.request_counts).toEqual({ total: null, completed: null, failed: null });
    expect(await (await client.files.content(batch.error_file_id ?? '')).text()).toBe('');
  });
});

test('a tail share makes some batches late by a factor', async () => {
  const turnaround = { minMs: 60_000, maxMs: 60_000 };
  const simulator = await startFrozen({ batches: { turnaround, tailShare: 0.5, tailFactor: 10 } });
  const client = openAiClient(simulator);
  for (let index = 0; index < 20; index += 1) await submit(client, [row(`r${index}`)]);
  await simulator.advance(60_000);
  const soon = simulator.stats().batches.byStatus;
  expect(soon['completed']).toBeGreaterThan(3);
  expect(soon['in_progress']).toBeGreaterThan(3);
  await simulator.advance(540_000);
  expect(simulator.stats().batches.byStatus).toEqual({ completed: 20 });
});

test('other windows may be on offer, as at providers that imitate OpenAI', async () => {
  const simulator = await startFrozen({ batches: { windows: ['24h', '7d'], script: ['expired'] } });
  const client = openAiClient(simulator);
  const file = await upload(client, [row('a'), row('b')]);
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '7d' as '24h',
  });
  expect(batch.completion_window).toBe('7d');
  await simulator.advance(7 * WINDOW_MS - 1);
  expect((await client.batches.retrieve(batch.id)).status).toBe('in_progress');
  await simulator.advance(1);
  expect((await client.batches.retrieve(batch.id)).status).toBe('expired');
});
