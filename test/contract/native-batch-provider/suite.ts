/** What every provider's batch API promises, whichever dialect it speaks. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_USAGE } from '../../../shared/domain/cost/usage.ts';
import type { ErrorCode } from '../../../shared/domain/errors.ts';
import type { NativeBatchView, NativeRow } from '../../../shared/domain/native/native-batch.ts';
import { remedyFor } from '../../../shared/domain/native/native-batch-remedy.ts';
import type { Endpoint } from '../../../shared/domain/requests/request.ts';
import type {
  NativeBatchFailure,
  NativeBatchInput,
  NativeBatchProvider,
  NativeBatchResult,
} from '../../../shared/ports/native-batch-provider.ts';
import {
  createFrozenClock,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../../simulator/server.ts';

type BatchOptions = NonNullable<SimulatorOptions['batches']>;

export interface BatchProviderUnderTest {
  readonly title: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  /** Body of the row with the number, under the caller's own name for the model. */
  bodyOf(row: number): Readonly<Record<string, unknown>>;
  readonly apiKey: string;
  /** Rows are put into a file, and outputs are files; otherwise all of it is the batch. */
  readonly hasFiles: boolean;
  /** Whether the batch bears its job's name. */
  readonly hasMark: boolean;
  /** How the provider's batch looks in detail, in this dialect. */
  readonly options?: BatchOptions;
  create(url: string, apiKey?: string): NativeBatchProvider;
}

const NEVER = new AbortController().signal;
const TURNAROUND_MS = 600_000;
const JOB = 'job-7f3a';

export function describeNativeBatchProvider(subject: BatchProviderUnderTest): void {
  describe(subject.title, () => {
    const clock = createFrozenClock();
    let simulator: Simulator;
    let provider: NativeBatchProvider;

    beforeAll(async () => {
      simulator = await startSimulator({ apiKeys: [subject.apiKey] }, clock);
      provider = subject.create(simulator.url);
    });
    afterAll(async () => {
      await provider.close();
      await simulator.close();
    });
    /** Starts anew with what the simulator's batches are to do. */
    const given = (options: BatchOptions = {}): void => {
      simulator.reset();
      simulator.configure({
        batches: {
          turnaround: { minMs: TURNAROUND_MS, maxMs: TURNAROUND_MS },
          rowFailures: { http400: 0, http429: 0, http500: 0, lost: 0, absent: 0 },
          rows: { order: 'completion', duplicateShare: 0, foreign: 0, malformed: 0 },
          lag: { readMs: 0, listMs: 0, flickerShare: 0 },
          faults: [],
          script: [],
          quirks: [],
          enqueuedTokens: 1_000_000_000,
          queuedRequests: 1_000_000,
          ...subject.options,
          ...options,
        },
      });
    };
    beforeEach(() => given());

    const rowIdOf = (row: number): string => `${JOB}_${row}`;
    const inputOf = (
      rowCount: number,
      changes: Partial<NativeBatchInput> = {},
    ): NativeBatchInput => ({
      jobId: JOB,
      endpoint: subject.endpoint,
      model: subject.model,
      rowCount,
      async *rows() {
        for (let row = 0; row < rowCount; row += 1) {
          yield { rowId: rowIdOf(row), body: subject.bodyOf(row) };
        }
      },
      ...changes,
    });
    const submit = async (input: NativeBatchInput): Promise<NativeBatchResult<NativeBatchView>> => {
      const uploaded = await provider.upload(input, NEVER);
      if (uploaded.kind === 'failed') return uploaded;
      expect(uploaded.value === null).toBe(!subject.hasFiles);
      return provider.create(input, uploaded.value, NEVER);
    };
    const submitted = async (rowCount: number): Promise<NativeBatchView> =>
      must(await submit(inputOf(rowCount)));
    const viewOf = async (id: string): Promise<NativeBatchView> =>
      must(await provider.get(id, NEVER));
    const ended = async (id: string, afterMs = TURNAROUND_MS): Promise<NativeBatchView> => {
      await simulator.advance(afterMs);
      return viewOf(id);
    };
    const read = async (output: string, fromRow = 0): Promise<(NativeRow | NativeBatchFailure)[]> =>
      gather(
        provider.rows({ output, endpoint: subject.endpoint, model: subject.model, fromRow }, NEVER),
      );
    const allRows = async (view: NativeBatchView): Promise<NativeRow[]> => {
      const rows: NativeRow[] = [];
      for (const output of view.outputs) {
        for (const row of await read(output)) {
          if (row.kind === 'failed' && 'faults' in row) throw new Error(row.message);
          rows.push(row);
        }
      }
      return rows;
    };

    it('runs every row, and hands back each answer under its id', async () => {
      const made = await submitted(20);
      expect(made.end).toBeNull();
      expect(made.jobId).toBe(subject.hasMark ? JOB : null);
      expect(Math.abs(made.createdAtMs - clock.nowMs())).toBeLessThan(2_000);
      const done = await ended(made.id);
      expect(done).toMatchObject({
        id: made.id,
        end: 'completed',
        isCancelling: false,
        faults: [],
      });
      if (subject.options?.quirks === undefined) {
        expect(done.counts).toEqual({ total: 20, completed: 20, failed: 0 });
      }
      const rows = await allRows(done);
      expect(idsOf(rows)).toEqual(range(20).map(rowIdOf).sort());
      for (const row of rows) {
        if (row.kind !== 'answered') throw new Error(row.kind);
        expect(row.statusCode).toBe(200);
        expect(row.bodyJson).not.toMatch(/[\r\n]/);
        expect(JSON.parse(row.bodyJson)).toBeTypeOf('object');
        expect(row.usage).not.toEqual(NO_USAGE);
      }
      const { input } = simulator.stats().tokens;
      const read = rows.map((row) => (row.kind === 'answered' ? row.usage.inputTokens : 0));
      expect(read.reduce((sum, tokens) => sum + tokens, 0)).toBe(input);
      expect(simulator.stats().duplicates).toBe(0);
    });

    it('takes any text, and leaves bodies as they were', async () => {
      const hostile = 'a\u2028b\u2029c\nd\r\n\u0000 \ud800 é 😀 --penstock "} ]';
      const body = { ...subject.bodyOf(0), user: hostile, metadata: { user_id: hostile } };
      const frozen = deepFreeze(structuredClone(body));
      const input = inputOf(1, { rows: () => oneRow(rowIdOf(0), frozen) });
      const made = must(await submit(input));
      const [row] = await allRows(await ended(made.id));
      expect(row).toMatchObject({ kind: 'answered', rowId: rowIdOf(0) });
      expect(frozen).toEqual(body);
    });

    it('goes on until it ends', async () => {
      const { id } = await submitted(3);
      for (const ms of [1_500, 300_000]) {
        const view = await ended(id, ms);
        expect(view).toMatchObject({ id, end: null, isCancelling: false, outputs: [] });
      }
    });

    const endings: [outcome: string, end: NativeBatchView['end'], notRun: boolean][] = [
      ['completed', 'completed', false],
      ['expired', 'expired', true],
      ['expired_errors_only', 'expired', true],
      ['cancelled', 'cancelled', true],
      ['cancelled_empty', 'cancelled', true],
    ];
    it.each(endings)(
      'tells rows that were run from others when it ends %s',
      async (outcome, end, notRun) => {
        given({ script: [outcome as 'expired'] });
        const { id } = await submitted(12);
        const view = await ended(id, 25 * 3_600_000);
        expect(view.end).toBe(end);
        const rows = await allRows(view);
        const answered = rows.filter((row) => row.kind === 'answered').length;
        expect(answered).toBe(simulator.stats().batches.rows.billed);
        expect(answered < 12).toBe(notRun);
        // Rows that are in neither output are for the use case to miss.
        for (const row of rows) {
          if (row.kind === 'answered') continue;
          const reason = end === 'expired' ? 'expired' : 'cancelled';
          expect(row).toMatchObject({ kind: 'unfinished', reason });
        }
      },
    );

    if (subject.hasFiles) {
      it('says late that the queue was full, and that it is to be tried again', async () => {
        given({ enqueuedTokens: 1 });
        const made = await submitted(3);
        expect(made.end).toBeNull();
        const view = await ended(made.id);
        expect(view).toMatchObject({ end: 'failed', outputs: [] });
        expect(remedyFor(view.faults, 3).kind).toBe('wait');
      });

      it('says which lines were at fault', async () => {
        const errors = [
          { code: 'invalid_json_line', message: 'Bad.', line: 3 },
          { code: 'duplicate_custom_id', message: 'Twice.', line: 1 },
        ];
        given({ script: [{ outcome: 'failed', errors }] });
        const view = await ended((await submitted(4)).id);
        const remedy = remedyFor(view.faults, 4);
        if (remedy.kind !== 'drop_lines') throw new Error(remedy.kind);
        expect(remedy.faults.map(({ line }) => line)).toEqual([1, 3]);
      });
    } else {
      it('says at once that the queue is full', async () => {
        given({ queuedRequests: 2 });
        const outcome = await submit(inputOf(3));
        expect(outcome).toMatchObject({ code: 'provider_throttled', isAmbiguous: false });
      });

      it('says when it wants to be asked again', async () => {
        const { id } = await submitted(1);
        expect((await viewOf(id)).retryAfterMs).toBe(10_000);
      });
    }

    it('tells answers, verdicts and losses apart', async () => {
      given({
        script: [
          {
            outcome: 'mixed',
            rowKinds: ['ok', 'http400', 'http429', 'http500', 'lost', 'absent', 'ok'],
          },
        ],
      });
      const { id } = await submitted(7);
      const rows = new Map((await allRows(await ended(id))).map((row) => [rowIdIn(row), row]));
      expect([...rows.keys()].sort()).toEqual([0, 1, 2, 3, 4, 6].map(rowIdOf));
      const codeAt = (row: number): string => {
        const found = rows.get(rowIdOf(row));
        return found?.kind === 'failed' ? found.code : (found?.kind ?? 'absent');
      };
      expect(codeAt(0)).toBe('answered');
      expect(codeAt(1)).toBe('provider_rejected');
      expect(['provider_throttled', 'provider_overloaded']).toContain(codeAt(2));
      expect(codeAt(3)).toBe('provider_error');
      expect(['unfinished', 'provider_error']).toContain(codeAt(4));
      const refused = rows.get(rowIdOf(1));
      if (refused?.kind !== 'failed') throw new Error('Row 1 was to fail.');
      expect(refused.statusCode).toBe(400);
      expect(refused.message).not.toBe('');
      expect(refused.bodyJson).toContain('error');
    });

    it('passes on rows that are shuffled, repeated and foreign, and notes those it cannot read', async () => {
      given({
        rows: { order: 'completion', duplicateShare: 0.5, foreign: 2, malformed: 2, bom: true },
      });
      const { id } = await submitted(20);
      const rows = await allRows(await ended(id));
      const ids = rows.map(rowIdIn).filter((rowId) => rowId !== null);
      expect(ids.length).toBeGreaterThan(22);
      expect(new Set(ids).size).toBe(22);
      expect(ids).toEqual(expect.arrayContaining(range(20).map(rowIdOf)));
      expect(rows.filter((row) => row.kind === 'unreadable')).toHaveLength(2);
    });

    it('ends a file that is cut short with a failure after its last whole row', async () => {
      given({ rows: { order: 'input', truncated: true } });
      const { id } = await submitted(10);
      const { outputs } = await ended(id);
      const rows = await read(outputs[0] ?? '');
      expect(rows.at(-1)).toMatchObject({ kind: 'failed', code: 'provider_malformed', faults: [] });
      expect(rows.slice(0, -1).map((row) => row.kind)).toEqual(
        range(rows.length - 1).map(() => 'answered'),
      );
      expect(rows.length).toBeGreaterThan(1);
    });

    it('reads on from any row', async () => {
      const { id } = await submitted(9);
      const { outputs } = await ended(id);
      const output = outputs[0] ?? '';
      const whole = await read(output);
      for (const fromRow of [0, 1, 5, 9, 20]) {
        expect(await read(output, fromRow)).toEqual(whole.slice(fromRow));
      }
    });

    it('stops reading when nobody wants more, and can be read again', async () => {
      const { id } = await submitted(9);
      const [output = ''] = (await ended(id)).outputs;
      for (let round = 0; round < 20; round += 1) {
        for await (const row of provider.rows(
          { output, endpoint: subject.endpoint, model: subject.model, fromRow: 0 },
          NEVER,
        )) {
          expect(row.kind).toBe('answered');
          break;
        }
      }
      expect(await read(output)).toHaveLength(9);
    });

    it('cancels, and takes a batch that has ended for cancelled already', async () => {
      const { id } = await submitted(5);
      await simulator.advance(300_000);
      expect(must(await provider.cancel(id, NEVER))).toMatchObject({ id, isCancelling: true });
      expect(must(await provider.cancel(id, NEVER))).toMatchObject({ id });
      const done = await ended(id, 60_000);
      expect(done.end).toBe('cancelled');
      expect(must(await provider.cancel(id, NEVER))).toMatchObject({ id, end: 'cancelled' });
    });

    it('lists all that was made since, newest first, over pages', async () => {
      const old = await submitted(1);
      await simulator.advance(3_600_000);
      const sinceMs = clock.nowMs();
      const made: string[] = [];
      for (let number = 0; number < 130; number += 1) {
        made.push((await submitted(1)).id);
        await simulator.advance(1_000);
      }
      const listed: NativeBatchView[] = [];
      let pages = 0;
      for await (const page of provider.list(sinceMs, NEVER)) {
        pages += 1;
        listed.push(...must(page));
      }
      expect(listed.map(({ id }) => id)).toEqual(made.reverse());
      expect(pages).toBe(2);
      expect(listed.map(({ id }) => id)).not.toContain(old.id);
      expect(listed.every(({ jobId }) => jobId === (subject.hasMark ? JOB : null))).toBe(true);
    });

    it('does not find what it does not know, or does not show yet', async () => {
      given({ lag: { readMs: 30_000, listMs: 60_000, flickerShare: 0 } });
      const { id } = await submitted(1);
      expect(await provider.get(id, NEVER)).toMatchObject({ kind: 'failed', code: 'not_found' });
      expect(await gather(provider.list(0, NEVER))).toEqual([{ kind: 'done', value: [] }]);
      await simulator.advance(61_000);
      expect(await viewOf(id)).toMatchObject({ id });
      const unknown = await provider.get('batch_0123', NEVER);
      expect(unknown).toMatchObject({ kind: 'failed', code: 'not_found', isAmbiguous: false });
    });

    it('deletes files, and does not mind those that are gone', async () => {
      const made = await submitted(2);
      const { outputs } = await ended(made.id);
      const ids = [...outputs, ...(made.inputFileId === null ? [] : [made.inputFileId])];
      expect(await provider.deleteFiles([...ids, 'file-gone'], NEVER)).toEqual({
        kind: 'done',
        value: null,
      });
      expect(await provider.deleteFiles(ids, NEVER)).toEqual({ kind: 'done', value: null });
      const [row] = await read(outputs[0] ?? '');
      expect(row).toMatchObject({ kind: 'failed', code: 'not_found', faults: [] });
      expect(simulator.stats().files.stored).toBe(0);
    });

    const refusals: [what: string, changes: Partial<NativeBatchInput>, code: ErrorCode][] = [
      ['more rows than it was told', { rowCount: 2 }, 'internal'],
      ['fewer rows than it was told', { rowCount: 4 }, 'internal'],
      ['no rows', { rowCount: 0 }, 'empty_input'],
      ['too many rows', { rowCount: 1_000_000 }, 'payload_too_large'],
      ['a row id that is not safe', { rows: () => oneRow('a b') }, 'internal'],
      [
        'a row that is no JSON',
        { rowCount: 1, rows: () => oneRow('a', { n: 1n }) },
        'invalid_request',
      ],
      ['rows that cannot be read', { rows: brokenRows }, 'internal'],
    ];
    it.each(refusals)('makes nothing of %s', async (_what, changes, code) => {
      const outcome = await submit(
        inputOf(3, changes.rowCount === 1_000_000 ? changes : { ...withThree(), ...changes }),
      );
      expect(outcome).toMatchObject({ kind: 'failed', code, isAmbiguous: false });
      expect(simulator.stats().files.stored).toBe(0);
      expect(simulator.stats().batches.created).toBe(0);
    });
    /** Three rows, whatever number is told. */
    const withThree = (): Partial<NativeBatchInput> => ({ rows: inputOf(3).rows });

    const faults: [kind: string, code: ErrorCode, isAmbiguous: boolean][] = [
      ['http401', 'provider_auth_failed', false],
      ['http429=7s', 'provider_throttled', false],
      ['quota', 'provider_quota_spent', false],
      ['http500', 'provider_error', true],
      ['http503', 'provider_overloaded', true],
      ['reset_before', 'provider_error', true],
      ['reset_after', 'provider_error', true],
      ['html', 'provider_malformed', true],
      ['truncated', 'provider_malformed', true],
      ['empty', 'provider_malformed', true],
    ];
    it.each(faults)(
      'tells a create that meets %s as %s, after one call',
      async (rule, code, isAmbiguous) => {
        const [kind = '', wait] = rule.split('=');
        given({
          faults: [
            {
              kind: kind as 'http500',
              operation: 'batches.create',
              ...(wait === undefined ? {} : { durationMs: 7_000 }),
            },
          ],
        });
        const outcome = await submit(inputOf(2));
        expect(outcome).toMatchObject({ kind: 'failed', code, isAmbiguous });
        const { created } = simulator.stats().batches;
        expect(created).toBe(['reset_after', 'truncated', 'empty'].includes(kind) ? 1 : 0);
        if (wait !== undefined) expect(outcome).toMatchObject({ retryAfterMs: 7_000 });
      },
    );

    it('can be found again after a create whose answer was lost', async () => {
      given({ faults: [{ kind: 'reset_after', operation: 'batches.create' }] });
      const sinceMs = clock.nowMs();
      expect(await submit(inputOf(4))).toMatchObject({ kind: 'failed', isAmbiguous: true });
      const pages = await gather(provider.list(sinceMs, NEVER));
      const [found] = pages.flatMap((page) => must(page));
      if (found === undefined) throw new Error('It is not in the list.');
      if (subject.hasMark) expect(found.jobId).toBe(JOB);
      const done = await ended(found.id);
      const rows = await allRows(done);
      expect(idsOf(rows)).toEqual(range(4).map(rowIdOf));
    });

    it('ends a call on abort, one that has begun and one that has not', async () => {
      given({ faults: [{ kind: 'hang', durationMs: 30_000, operation: 'batches.create' }] });
      const controller = new AbortController();
      const input = inputOf(1);
      const file = must(await provider.upload(input, NEVER));
      const pending = provider.create(input, file, controller.signal);
      setTimeout(() => controller.abort(), 50);
      expect(await pending).toMatchObject({
        kind: 'failed',
        code: 'provider_timeout',
        isAmbiguous: true,
      });
      const again = await provider.create(input, file, controller.signal);
      expect(again).toMatchObject({ code: 'provider_timeout', isAmbiguous: false });
      expect(await provider.get('batch_1', controller.signal)).toMatchObject({
        code: 'provider_timeout',
      });
      const rows = provider.rows(
        { output: 'x', endpoint: subject.endpoint, model: subject.model, fromRow: 0 },
        controller.signal,
      );
      expect(await gather(rows)).toMatchObject([{ code: 'provider_timeout' }]);
    });

    it('tells a provider that is not there', async () => {
      const nowhere = subject.create('http://127.0.0.1:1');
      const input = inputOf(1);
      const expected = { kind: 'failed', code: 'provider_unreachable', isAmbiguous: false };
      if (subject.hasFiles) expect(await nowhere.upload(input, NEVER)).toMatchObject(expected);
      expect(await nowhere.create(input, 'file-1', NEVER)).toMatchObject(expected);
      expect(await nowhere.get('batch_1', NEVER)).toMatchObject(expected);
      expect(await gather(nowhere.list(0, NEVER))).toMatchObject([expected]);
      const query = { output: 'x', endpoint: subject.endpoint, model: subject.model, fromRow: 0 };
      expect(await gather(nowhere.rows(query, NEVER))).toMatchObject([expected]);
      await nowhere.close();
      expect(await nowhere.get('batch_1', NEVER)).toMatchObject({ kind: 'failed' });
    });

    it('never shows the key', async () => {
      const apiKey = 'sk-wrong-and-secret-0123456789';
      const stranger = subject.create(simulator.url, apiKey);
      const query = { output: 'x', endpoint: subject.endpoint, model: subject.model, fromRow: 0 };
      const seen = [
        await stranger.get('batch_1', NEVER),
        await stranger.create(inputOf(1), 'file-1', NEVER),
        ...(await gather(stranger.list(0, NEVER))),
        ...(await gather(stranger.rows(query, NEVER))),
      ];
      await stranger.close();
      expect(JSON.stringify(seen)).not.toContain('secret');
      for (const one of seen) expect(one).toMatchObject({ code: 'provider_auth_failed' });
    });

    it('refuses endpoints that are none of its', async () => {
      const endpoint = subject.endpoint === '/v1/messages' ? '/v1/embeddings' : '/v1/messages';
      const outcome = await provider.upload(inputOf(1, { endpoint }), NEVER);
      expect(outcome).toMatchObject({ kind: 'failed', code: 'unsupported_endpoint' });
    });
  });
}

export function must<Value>(result: NativeBatchResult<Value>): Value {
  if (result.kind === 'done') return result.value;
  throw new Error(`${result.code}: ${result.message}`);
}

function rowIdIn(row: NativeRow): string | null {
  return row.kind === 'unreadable' ? null : row.rowId;
}

function idsOf(rows: readonly NativeRow[]): string[] {
  return rows.map((row) => rowIdIn(row) ?? 'unreadable').sort();
}

function range(length: number): number[] {
  return Array.from({ length }, (_, number) => number);
}

async function* oneRow(rowId: string, body: Readonly<Record<string, unknown>> = {}) {
  yield { rowId, body };
}

async function* brokenRows() {
  yield { rowId: 'a', body: {} };
  throw new Error('The segment is gone.');
}

async function gather<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
