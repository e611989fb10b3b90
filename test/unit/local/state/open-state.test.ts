import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState } from '../../../../local/state/open-state.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'penstock-state-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const SPEC = {
  id: 'req_1',
  tenant: 'local',
  customId: '1',
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
  groupOrder: 1,
  createdAtMs: 1,
  deadlineAtMs: null,
} as const;

const INPUT = {
  batchId: 'batch',
  path: '/in',
  bytes: 1,
  modifiedAtMs: 1,
  sha256: '',
  lines: 9,
  rejected: 0,
};

describe('openState', () => {
  it('remembers from one owner to the next', async () => {
    const first = await openState(directory, 'run');
    first.records.input = INPUT;
    first.records.export = { path: '/out', bytes: 5, commitSeq: 1 };
    await first.stores.requests.accept([SPEC]);
    await first.close();
    const second = await openState(directory, 'run');
    expect(second.records.input).toEqual(INPUT);
    expect(second.records.export).toEqual({ path: '/out', bytes: 5, commitSeq: 1 });
    expect(await second.stores.work.backlog()).toHaveLength(1);
    await second.close();
  });

  it('throws away what an input that was never read to its end left behind', async () => {
    const first = await openState(directory, 'run');
    await first.stores.requests.accept([SPEC]);
    await first.close();
    const second = await openState(directory, 'run');
    expect(await second.stores.work.backlog()).toEqual([]);
    expect(await second.stores.requests.accept([SPEC])).toEqual([{ kind: 'created', id: 'req_1' }]);
    await second.close();
  });

  it('has one owner at a time', async () => {
    const first = await openState(directory, 'run');
    await expect(openState(directory, 'run')).rejects.toMatchObject({ code: 'state_locked' });
    await first.close();
    await (await openState(directory, 'run')).close();
  });

  it('is for a run or for a server, not for both', async () => {
    await (await openState(directory, 'serve')).close();
    await expect(openState(directory, 'run')).rejects.toMatchObject({
      code: 'state_conflict',
      message: expect.stringContaining('belongs to penstock serve'),
    });
    await (await openState(directory, 'serve')).close();
  });

  it('keeps requests of a server whatever became of it', async () => {
    const first = await openState(directory, 'serve');
    await first.stores.requests.accept([SPEC]);
    await first.close();
    const second = await openState(directory, 'serve');
    expect(await second.stores.work.backlog()).toHaveLength(1);
    await second.close();
  });

  it('says why a place cannot be used', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(openState(join(directory, 'file'), 'run')).rejects.toMatchObject({
      code: 'file_not_found',
      message: expect.stringContaining('choose one with --state'),
    });
  });
});
