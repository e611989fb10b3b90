import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState, type State } from '../../../../local/state/open-state.ts';
import { ResultExport, refuseForeignOutput } from '../../../../local/state/result-export.ts';
import { DiskPayloadStore } from '../../../../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../../../../shared/adapters/disk/result-log.ts';
import { NO_USAGE } from '../../../../shared/domain/cost/usage.ts';
import type { RequestOutcome, RequestSpec } from '../../../../shared/domain/requests/request.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

let directory: string;
let path: string;
let clock: FakeClock;
let state: State;
let results: DiskResultLog;
let payloads: DiskPayloadStore;
let published: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'penstock-export-'));
  path = join(directory, 'out.jsonl');
  clock = new FakeClock();
  published = 0;
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(directory, { recursive: true });
});

async function start(): Promise<void> {
  const stateDirectory = join(directory, 'state');
  state = await openState(stateDirectory, 'run');
  state.records.input = INPUT;
  results = new DiskResultLog({ directory: stateDirectory });
  payloads = new DiskPayloadStore({ directory: stateDirectory });
}

async function stop(): Promise<void> {
  await results.close();
  await payloads.close();
  await state.close();
}

const INPUT = {
  batchId: 'batch',
  path: '/in',
  bytes: 1,
  modifiedAtMs: 1,
  sha256: '',
  lines: 9,
  rejected: 0,
};

/** Publishes further results; each one's line says its number. */
async function publish(count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => published + index + 1);
  published += count;
  await state.stores.requests.accept(numbers.map(specOf));
  const lines = numbers.map((number) => results.append('local', Buffer.from(lineOf(number))));
  const pointers = await Promise.all(lines);
  await state.stores.work.commit(
    pointers.map((result, index) => ({ ...OUTCOME, id: `req_${numbers[index]}`, result })),
  );
}

const lineOf = (number: number): string =>
  JSON.stringify({ result: number, text: 'é'.repeat(number % 7) });

const expected = (...numbers: number[]): string =>
  numbers.map((one) => `${lineOf(one)}\n`).join('');

function openExport(options: { overwrite?: boolean; preface?: string[]; to?: string } = {}) {
  return ResultExport.open(deps(), {
    path: options.to ?? path,
    overwrite: options.overwrite ?? false,
    preface: async function* () {
      for (const line of options.preface ?? []) yield Buffer.from(line);
    },
  });
}

const deps = () => ({ published: state.stores.work, payloads, records: state.records, clock });

const written = (file = path): string => readFileSync(file, 'utf8');

describe('ResultExport', () => {
  it('writes what is published, in order, and goes on after a clean end', async () => {
    await publish(3);
    const first = await openExport();
    await publish(2);
    await first.close();
    expect(written()).toBe(expected(1, 2, 3, 4, 5));
    await stop();
    await start();
    await publish(1);
    const second = await openExport();
    await second.close();
    expect(written()).toBe(expected(1, 2, 3, 4, 5, 6));
  });

  it('cuts off what a crash left behind its last record, and writes it again', async () => {
    await publish(2);
    const first = await openExport();
    await first.close();
    await publish(2);
    // As a process leaves it that was killed between the write and the record.
    appendFileSync(path, `${lineOf(3)}\n{"result":4,"te`);
    const second = await openExport();
    await second.close();
    expect(written()).toBe(expected(1, 2, 3, 4));
  });

  it('records now and then while it works, so that little is written again', async () => {
    const output = await openExport();
    await publish(1);
    await output.advance();
    expect(state.records.export).toMatchObject({ commitSeq: 0 });
    clock.setBack(-2_000);
    await publish(1);
    await output.advance();
    expect(state.records.export).toMatchObject({
      commitSeq: 2,
      bytes: Buffer.byteLength(expected(1, 2)),
    });
    await output.close();
  });

  it('puts the preface first, once', async () => {
    await publish(1);
    const first = await openExport({ preface: ['{"bad":1}', '{"bad":2}'] });
    await first.close();
    const second = await openExport({ preface: ['{"bad":1}', '{"bad":2}'] });
    await second.close();
    expect(written()).toBe(`{"bad":1}\n{"bad":2}\n${expected(1)}`);
  });

  it('refuses a file that is not its own, and leaves it as it is', async () => {
    writeFileSync(path, 'precious\n');
    await expect(openExport()).rejects.toMatchObject({
      code: 'output_conflict',
      message: expect.stringContaining('--overwrite'),
    });
    await expect(refuseForeignOutput(deps(), path)).rejects.toMatchObject({
      code: 'output_conflict',
    });
    expect(written()).toBe('precious\n');
    await publish(1);
    const output = await openExport({ overwrite: true });
    await output.close();
    expect(written()).toBe(expected(1));
  });

  it.each([
    ['cut short', () => truncateSync(path, 5)],
    ['edited', () => writeFileSync(path, written().replaceAll('result', 'Result'))],
  ])('refuses its own file when it was %s', async (_, damage) => {
    await publish(3);
    const first = await openExport();
    await first.close();
    damage();
    await expect(openExport()).rejects.toThrow(/was changed since Penstock wrote it/);
  });

  it('writes everything again where the file is gone, and to another path', async () => {
    await publish(3);
    const first = await openExport();
    await first.close();
    rmSync(path);
    const second = await openExport();
    await second.close();
    expect(written()).toBe(expected(1, 2, 3));
    const other = join(directory, 'other.jsonl');
    const third = await openExport({ to: other });
    await third.close();
    expect(written(other)).toBe(expected(1, 2, 3));
  });

  it('says which directory is missing', async () => {
    await expect(openExport({ to: join(directory, 'no', 'out.jsonl') })).rejects.toMatchObject({
      code: 'file_not_found',
      message: expect.stringContaining('directory must exist'),
    });
  });

  it('shares one round among calls made meanwhile', async () => {
    const output = await openExport();
    await publish(600);
    await Promise.all([output.advance(), output.advance(), output.advance()]);
    expect(output.commitSeq).toBe(600);
    await output.close();
    expect(written().split('\n')).toHaveLength(601);
  });
});

function specOf(number: number): RequestSpec {
  return {
    id: `req_${number}`,
    tenant: 'local',
    customId: `${number}`,
    batchId: 'batch',
    model: 'm',
    endpoint: '/v1/chat/completions',
    lane: null,
    priority: 9,
    tags: [],
    fingerprint: '',
    body: { segment: 'input', offset: 0, length: 1 },
    inputTokens: 1,
    maxOutputTokens: 1,
    prefixKey: null,
    groupOrder: number,
    createdAtMs: 1,
    deadlineAtMs: null,
  };
}

const OUTCOME: Omit<RequestOutcome, 'id' | 'result'> = {
  tenant: 'local',
  status: 'succeeded',
  statusCode: 200,
  errorCode: null,
  lane: 'live',
  provider: 'openai',
  usage: NO_USAGE,
  costMicroUsd: 0,
  attempts: 1,
  firstAttemptAtMs: 1,
  finishedAtMs: 2,
};
