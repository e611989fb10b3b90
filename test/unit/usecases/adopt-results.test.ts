import { appendFile, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskResultLog } from '../../../shared/adapters/disk/result-log.ts';
import { openDatabase } from '../../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../../shared/adapters/sqlite/stores.ts';
import { encodeResultLine } from '../../../shared/contracts/result-line.ts';
import type { RequestOutcome, RequestSpec } from '../../../shared/domain/requests/request.ts';
import type { CompletionEvent } from '../../../shared/domain/webhooks/webhook-event.ts';
import { adoptResults } from '../../../shared/usecases/adopt-results.ts';
import { outcomeOf, Scope, START_MS } from '../../contract/builders.ts';

const REQUESTS = 12;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'penstock-adoption-'));
});
afterEach(() => rm(root, { recursive: true }));

/** One process's view of a state directory. */
function openState(directory: string) {
  const database = openDatabase(join(directory, 'state.db'));
  // Small segments, so that every run crosses from one to the next.
  const log = new DiskResultLog({ directory, maxSegmentBytes: 2_000 });
  const stores = createSqliteStores(database);
  return {
    ...stores,
    log,
    async close() {
      await log.close();
      await database.close();
    },
  };
}

type State = ReturnType<typeof openState>;
type Ref = Pick<RequestSpec, 'id' | 'tenant'>;

/** Calls the provider, in effect: its answer stands in the log when this returns. */
async function answer(state: State, ref: Ref, provider: string): Promise<RequestOutcome> {
  const outcome = outcomeOf(ref, { provider });
  const line = encodeResultLine({
    outcome,
    customId: null,
    requestId: 'r',
    bodyJson: '{"answer":42}',
    error: null,
  });
  return { ...outcome, result: await state.log.append('tenant-a', Buffer.from(line)) };
}

const adopt = (state: State) =>
  adoptResults({ log: state.log, marks: state.marks, work: state.work });

describe('adoptResults', () => {
  it('tells of what it publishes, and of nothing else', async () => {
    const state = openState(root);
    const scope = new Scope({ ...state, close: async () => undefined });
    const [committed, lost] = await scope.accept({}, {});
    if (!committed || !lost) return expect.unreachable();
    await state.work.commit([await answer(state, committed, 'first')]);
    await answer(state, lost, 'first');
    await answer(state, { id: 'req_unknown', tenant: scope.tenant }, 'first');
    const told: CompletionEvent[] = [];
    const events = {
      async publish(group: readonly CompletionEvent[]) {
        told.push(...group);
      },
    };
    const ports = { log: state.log, marks: state.marks, work: state.work, events };
    await adoptResults(ports);
    await adoptResults(ports);
    expect(told).toEqual([
      expect.objectContaining({ kind: 'request', requestId: lost.id, status: 'succeeded' }),
    ]);
    await state.close();
  });

  it('publishes what was answered and not committed, once', async () => {
    const state = openState(root);
    const scope = new Scope({ ...state, close: async () => undefined });
    const [committed, lost, open] = await scope.accept({}, {}, {});
    if (!committed || !lost || !open) return expect.unreachable();
    await state.work.commit([await answer(state, committed, 'first')]);
    const { result } = await answer(state, lost, 'first');
    await state.log.append('tenant-a', Buffer.from('{"not":"ours"}'));
    await answer(state, { id: 'req_unknown', tenant: scope.tenant }, 'first');
    await answer(state, committed, 'second');

    const report = { read: 4, adopted: 1, superseded: 2, unreadable: 1 };
    expect(await adopt(state)).toEqual(report);
    expect(await adopt(state)).toEqual({ read: 0, adopted: 0, superseded: 0, unreadable: 0 });
    expect(await state.requests.get(scope.tenant, lost.id)).toMatchObject({
      status: 'succeeded',
      outcome: outcomeOf(lost, { provider: 'first', result }),
    });
    expect(await scope.statusOf(open.id)).toBe('queued');
    await state.close();
  });

  it('reads no further back than the last commit of the process before', async () => {
    const state = openState(root);
    const scope = new Scope({ ...state, close: async () => undefined });
    for (const spec of await scope.accept(...Array.from({ length: 5 }, () => ({})))) {
      await state.work.commit([await answer(state, spec, 'first')]);
    }
    await state.close();

    const heir = openState(root);
    expect((await adopt(heir)).read).toBeLessThanOrEqual(1);
    await heir.close();
  });

  it('can itself be killed between its commit and its mark', async () => {
    const state = openState(root);
    const scope = new Scope({ ...state, close: async () => undefined });
    const [spec] = await scope.accept({});
    if (!spec) return expect.unreachable();
    await answer(state, spec, 'first');
    const marks = {
      marks: () => state.marks.marks(),
      advance: () => Promise.reject(new Error('killed')),
    };
    const { log, work } = state;
    await expect(adoptResults({ log, marks, work })).rejects.toThrow('killed');
    await state.close();

    const heir = openState(root);
    expect(await adopt(heir)).toMatchObject({ adopted: 0, unreadable: 0 });
    expect(await heir.work.publishedAfter(0, 10)).toHaveLength(1);
    await heir.close();
  });
});

/** Runs the life of a state directory and stops to be looked at after every step. */
async function liveThrough(state: State, afterStep: () => Promise<void>): Promise<void> {
  const scope = new Scope({ ...state, close: async () => undefined });
  await scope.accept(...Array.from({ length: REQUESTS }, () => ({})));
  await afterStep();
  let uncommitted: RequestOutcome[] = [];
  for (let round = 0; round < REQUESTS / 3; round += 1) {
    const leased = await scope.lease('first', START_MS, 3);
    await afterStep();
    const answers: RequestOutcome[] = [];
    for (const request of leased) {
      answers.push(await answer(state, request, 'first'));
      await afterStep();
    }
    // Commits lag and overtake each other: the last answer of a round waits for the next.
    await state.work.commit([...answers.slice(1).toReversed(), ...uncommitted]);
    uncommitted = answers.slice(0, 1);
    await afterStep();
  }
}

/** Takes over a dead owner's directory and answers what is left. Gives the calls it had to make. */
async function takeOver(directory: string) {
  const state = openState(directory);
  await state.work.releaseOwnersExcept('heir');
  await adopt(state);
  let calls = 0;
  for (const { model } of await state.work.backlog()) {
    const query = {
      model,
      owner: 'heir',
      nowMs: START_MS + 1,
      expiresAtMs: START_MS + 2,
      limit: 99,
    };
    const leased = await state.work.lease(query);
    calls += leased.length;
    await state.work.commit(
      await Promise.all(leased.map((request) => answer(state, request, 'heir'))),
    );
  }
  const results = await state.work.publishedAfter(0, 1_000);
  const counts = await state.requests.counts(results[0]?.tenant ?? '');
  const logged = new Set<string>();
  let lines = 0;
  for await (const { line } of state.log.tail(new Map())) {
    const { x_penstock: own } = JSON.parse(Buffer.from(line).toString());
    logged.add(own.id);
    lines += 1;
  }
  await state.close();
  return { calls, results, counts, lines, logged };
}

/** Leaves a line the process had no time to finish. */
async function tear(directory: string, torn: string): Promise<void> {
  const segments = (await readdir(directory)).filter((name) => name.startsWith('results-'));
  await appendFile(join(directory, segments.toSorted().at(-1) ?? ''), torn);
}

describe('after a kill at every step', () => {
  it.each([
    ['between two writes', ''],
    ['within a write', '{"id":"batch_req_x","custom_id":nul'],
  ])('%s, nothing is lost, published twice or paid for twice', async (_, torn) => {
    const directory = join(root, 'alive');
    await mkdir(directory);
    const state = openState(directory);
    const images: string[] = [];
    await liveThrough(state, async () => {
      const image = join(root, `image-${images.length}`);
      // What a killed process leaves is what it has handed to the operating system.
      await cp(directory, image, { recursive: true });
      if (torn) await tear(image, torn);
      images.push(image);
    });
    await state.close();
    expect(images.length).toBe(1 + (REQUESTS / 3) * 5);

    for (const image of images) {
      const { calls, results, counts, lines, logged } = await takeOver(image);
      expect(new Set(results.map(({ id }) => id)).size).toBe(REQUESTS);
      expect(results).toHaveLength(REQUESTS);
      expect(counts).toMatchObject({ queued: 0, running: 0, succeeded: REQUESTS });
      // Each answer was asked for once: whatever stood in the log was adopted, not called again.
      expect(lines).toBe(REQUESTS);
      expect(logged.size).toBe(REQUESTS);
      expect(calls).toBeLessThanOrEqual(REQUESTS);
    }
  });
});
