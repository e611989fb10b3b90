import { afterEach, describe, expect, it } from 'vitest';
import type { NativeJobEnd, NativeTally } from '../../../../shared/domain/native/native-job.ts';
import type { NativeDeps } from '../../../../shared/usecases/native/native-deps.ts';
import type { SimulatorOptions } from '../../../../simulator/server.ts';
import { createNativeWorld, type NativeWorld } from '../../../support/native-world.ts';

type Batches = NonNullable<SimulatorOptions['batches']>;

const ROWS = 20;
const TURNAROUND = { turnaround: { minMs: 600_000, maxMs: 600_000 } };

let world: NativeWorld;
afterEach(() => world.close());

/** Runs one batch of so many rows to its end, and what comes after it. */
async function endOf(batches: Batches, dialect: 'openai' | 'anthropic' = 'openai') {
  world = createNativeWorld({ dialect, simulator: { batches: { ...TURNAROUND, ...batches } } });
  await world.accept(ROWS);
  await world.run();
  const [job] = world.settled;
  if (job === undefined) throw new Error('No job was settled');
  const counts = await world.stores.requests.counts('t');
  const sync = (await world.stores.work.backlog()).filter(({ route }) => route === 'sync');
  return {
    job,
    end: job.end,
    tally: job.checkpoint.tally,
    succeeded: counts.succeeded,
    failed: counts.failed,
    back: sync.reduce((sum, { requests }) => sum + requests, 0),
    report: await reportOf(job.report?.offset ?? -1),
  };
}

async function reportOf(offset: number) {
  return JSON.parse(Buffer.from(world.segments.lines[offset] ?? []).toString());
}

interface Ending {
  readonly title: string;
  readonly batches: Batches;
  readonly end: NativeJobEnd;
  readonly succeeded: number;
  readonly failed: number;
  /** Rows that wait for a call. */
  readonly back: number;
  readonly tally?: Partial<NativeTally>;
  /** Rows in neither file. */
  readonly missing?: number;
}

const all = { succeeded: ROWS, failed: 0, back: 0 };
const script = (outcome: string, more: object = {}): Batches =>
  ({ script: [{ outcome, ...more }] }) as Batches;
const kinds = (kind: string, count: number) => Array.from({ length: count }, () => kind);

const ENDINGS: readonly Ending[] = [
  {
    title: 'completed, output only',
    batches: script('completed'),
    end: 'completed',
    ...all,
    tally: { succeeded: ROWS },
  },
  {
    title: 'completed, both files: a row of HTTP 400 fails, one of 429 or 500 is run again',
    batches: script('completed', { rowKinds: ['http400', 'http429', 'http500'] }),
    end: 'completed',
    succeeded: ROWS - 3,
    failed: 1,
    back: 2,
    tally: { failed: 1, retried: 2 },
  },
  {
    title: 'completed, error file only, output null',
    batches: script('errors_only', { rowKinds: kinds('http400', ROWS) }),
    end: 'completed',
    succeeded: 0,
    failed: ROWS,
    back: 0,
  },
  {
    title: 'expired, both files: what was not run is run by calls',
    batches: script('expired', { doneShare: 0.5 }),
    end: 'expired',
    succeeded: ROWS / 2,
    failed: 0,
    back: ROWS / 2,
    tally: { unfinished: ROWS / 2 },
  },
  {
    title: 'expired, error file only',
    batches: script('expired_errors_only'),
    end: 'expired',
    succeeded: 0,
    failed: 0,
    back: ROWS,
    tally: { unfinished: ROWS },
  },
  {
    title: 'cancelled behind our back, part done, the rest in neither file',
    batches: script('cancelled', { doneShare: 0.5 }),
    end: 'cancelled',
    succeeded: ROWS / 2,
    failed: 0,
    back: ROWS / 2,
    missing: ROWS / 2,
  },
  {
    title: 'cancelled, neither file',
    batches: script('cancelled_empty'),
    end: 'cancelled',
    succeeded: 0,
    failed: 0,
    back: ROWS,
    missing: ROWS,
  },
  {
    title: 'rows of status 0, and absent ones',
    batches: script('completed', { rowKinds: ['lost', 'absent', 'absent'] }),
    end: 'completed',
    succeeded: ROWS - 3,
    failed: 0,
    back: 3,
    tally: { unfinished: 1 },
    missing: 2,
  },
  {
    title: 'shuffled, doubled, foreign and malformed lines behind a BOM',
    batches: {
      ...script('completed'),
      rows: { order: 'completion', duplicateShare: 1, foreign: 3, malformed: 2, bom: true },
    },
    end: 'completed',
    ...all,
    tally: { succeeded: ROWS, doubled: ROWS, foreign: 3, unreadable: 2 },
  },
  {
    title: 'an id of an error file that is empty text',
    batches: { ...script('completed'), quirks: ['blank_error_file_id'] },
    end: 'completed',
    ...all,
  },
  {
    title: 'an error file of no bytes, a capital status, no counts',
    batches: {
      ...script('completed'),
      quirks: ['empty_error_file', 'capital_status', 'null_counts'],
    },
    end: 'completed',
    ...all,
  },
];

describe('a batch that ended', () => {
  it.each(ENDINGS)(
    '$title',
    async ({ batches, title: _, tally = {}, missing = 0, ...expected }) => {
      const found = await endOf(batches);
      expect(found).toMatchObject({ ...expected, tally });
      expect(found.report).toMatchObject({ rows: ROWS, end: expected.end, missing });
      const { succeeded, failed, retried, unfinished } = found.tally;
      // Every row is in exactly one of these.
      expect(succeeded + failed + retried + unfinished + missing).toBe(ROWS);
      expect(found.succeeded + found.failed + found.back).toBe(ROWS);
      expect(world.simulator.stats().files).toMatchObject({ stored: 0 });
    },
  );

  it('truncated: reads what is whole, tries again a few times, runs the rest and says so', async () => {
    const found = await endOf({ ...script('completed'), rows: { truncated: true } });
    expect(found.succeeded + found.back).toBe(ROWS);
    expect(found.back).toBeGreaterThan(0);
    expect(found.report.unread).toEqual([expect.stringContaining('output 0')]);
    expect(world.logged).toContain('Results of a batch are missing; their rows are run again');
  });

  it('of Anthropic: errored, canceled, expired and absent requests', async () => {
    const rowKinds = ['http400', 'http500', 'absent'];
    const found = await endOf(script('completed', { rowKinds }), 'anthropic');
    expect(found).toMatchObject({ succeeded: ROWS - 3, failed: 1, back: 2 });
    await world.close();
    expect(await endOf(script('expired', { doneShare: 0.5 }), 'anthropic')).toMatchObject({
      succeeded: ROWS / 2,
      back: ROWS / 2,
    });
  });
});

describe('rows for which a batch had no time', () => {
  it.each(['openai', 'anthropic'] as const)(
    'of %s are planned anew, by their deadline',
    async (dialect) => {
      const expired = { outcome: 'expired', doneShare: 0.5 } as const;
      const batches = { ...TURNAROUND, script: [expired, expired] };
      const simulator = { batches };
      const asked: (number | null)[] = [];
      const planAgain: NativeDeps['planAgain'] = (row) => {
        asked.push(row.deadlineAtMs);
        return 'native';
      };
      world = createNativeWorld({ dialect, simulator, deps: { planAgain } });
      const deadlineAtMs = world.clock.nowMs() + 72 * 3_600_000;
      // The last has no deadline, and one more asked for a batch and had it: calls are next.
      await world.accept(ROWS, (index) => {
        if (index === ROWS - 1) return { lane: null };
        return { lane: index === ROWS - 2 ? 'native' : null, deadlineAtMs };
      });
      await world.run();
      expect(world.settled.map(({ end }) => end).sort()).toEqual([
        'completed',
        'expired',
        'expired',
      ]);
      expect(asked.every((atMs) => atMs === deadlineAtMs)).toBe(true);
      expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync' }]);
      const { succeeded } = await world.stores.requests.counts('t');
      expect(succeeded).toBe(ROWS - 2);
    },
  );
});

it('rows are called where calls for all of them would take most of what is left', async () => {
  const simulator = { batches: { ...TURNAROUND, ...script('expired', { doneShare: 0.5 }) } };
  const planAgain = () => 'native' as const;
  const callsMs = async () => 20 * 3_600_000;
  world = createNativeWorld({ simulator, deps: { planAgain, callsMs } });
  const startedAtMs = world.clock.nowMs();
  await world.accept(ROWS, (index) => ({
    lane: null,
    deadlineAtMs: startedAtMs + 36 * 3_600_000 + index,
  }));
  await world.run();
  expect(world.settled).toMatchObject([{ end: 'expired' }]);
  expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync', requests: ROWS / 2 }]);
});

describe('a batch that was refused', () => {
  const refusedFor = (...errors: object[]): Batches => script('failed', { errors });

  it('for lines it names: those end with their fault, the others go again', async () => {
    const found = await endOf(
      refusedFor({ code: 'invalid_json_line', message: 'no JSON', param: null, line: 3 }),
    );
    expect(found).toMatchObject({ end: 'failed', succeeded: ROWS - 1, failed: 1, back: 0 });
    expect(found.report.remedy).toBe('drop_lines');
    const ended = await world.stores.requests.get('t', 'r3');
    expect(ended).toMatchObject({ status: 'failed', outcome: { errorCode: 'provider_rejected' } });
    expect(world.simulator.stats().batches.created).toBe(2);
  });

  it('since its queue was full: all of it goes again, later', async () => {
    const found = await endOf(
      refusedFor({ code: 'token_limit_exceeded', message: 'enqueued', param: null, line: null }),
    );
    expect(found).toMatchObject({ end: 'failed', succeeded: ROWS, failed: 0, back: 0 });
    expect(found.report.remedy).toBe('wait');
  });

  it('for some row it does not name: halves go again', async () => {
    const found = await endOf(
      refusedFor({ code: 'too_many_tasks', message: 'too many', param: null, line: null }),
    );
    expect(found).toMatchObject({ end: 'failed', succeeded: ROWS, failed: 0, back: 0 });
    expect(world.settled.map(({ rowCount }) => rowCount)).toEqual([ROWS, ROWS / 2, ROWS / 2]);
  });

  it('for lines it names, again and again: the rest is called, and no id grows too long', async () => {
    const error = { code: 'invalid_json_line', message: 'no JSON', param: null, line: 1 };
    const refused = { outcome: 'failed', errors: [error] };
    const found = await endOf({ script: Array.from({ length: ROWS }, () => refused) } as Batches);
    expect(found).toMatchObject({ succeeded: 0, failed: 9, back: ROWS - 9 });
    const added = world.settled.map(({ id }) => id.length - (world.settled[0]?.id.length ?? 0));
    // Twenty letters are left for it in the id of a row.
    expect(Math.max(...added)).toBeLessThanOrEqual(20);
  });

  it("for the provider's own trouble: a few times, and then by calls", async () => {
    const error = { code: 'internal_error', message: 'trouble', param: null, line: null };
    const refused = { outcome: 'failed', errors: [error] };
    const found = await endOf({ script: Array.from({ length: ROWS }, () => refused) } as Batches);
    expect(found).toMatchObject({ end: 'failed', succeeded: 0, failed: 0, back: ROWS });
    expect(world.simulator.stats().batches.created).toBe(5);
  });

  it('for what all rows have in common: calls are to say what they think of it', async () => {
    const found = await endOf(
      refusedFor({ code: 'model_not_found', message: 'no such model', param: null, line: null }),
    );
    expect(found).toMatchObject({ end: 'failed', succeeded: 0, failed: 0, back: ROWS });
  });
});

describe('a batch that does not end as it should', () => {
  it('deleted behind our back: its rows are run again, and it is told', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    await world.accept(ROWS);
    await world.tick();
    world.simulator.reset();
    await world.run();
    expect(world.settled).toMatchObject([{ end: 'lost' }]);
    expect(world.errors).toEqual(['A batch is lost; its rows are run again']);
    expect(await reportOf(world.settled[0]?.report?.offset ?? -1)).toMatchObject({
      end: 'lost',
      missing: ROWS,
    });
    expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync', requests: ROWS }]);
  });

  it('stuck: cancelled long after its window, and its rows run by calls', async () => {
    world = createNativeWorld({ simulator: { batches: script('stuck') } });
    await world.accept(ROWS);
    await world.run(2_000);
    expect(world.settled).toMatchObject([{ end: 'cancelled' }]);
    expect(world.logged).toContain('A batch does not end');
    expect(await world.stores.work.backlog()).toMatchObject([{ route: 'sync', requests: ROWS }]);
  });
});

describe('a batch nobody waits for', () => {
  const long = { turnaround: { minMs: 20_000_000, maxMs: 20_000_000 } };

  it('is cancelled once all of its requests were', async () => {
    world = createNativeWorld({ simulator: { batches: long } });
    const specs = await world.accept(1_200);
    await world.tick();
    await world.cancel(specs.slice(0, 1_199));
    await world.runUntil(world.clock.now + 4_000_000);
    expect(world.settled).toEqual([]);
    await world.cancel(specs.slice(1_199));
    await world.runUntil(world.clock.now + 400_000);
    expect(world.settled).toMatchObject([{ end: 'cancelled', firstWantedRow: 1_200 }]);
    expect(await world.stores.requests.counts('t')).toMatchObject({ cancelled: 1_200, running: 0 });
    expect(await world.stores.work.backlog()).toEqual([]);
  });

  it('is not made where all ended before, and is made without those that did', async () => {
    world = createNativeWorld({ simulator: { batches: TURNAROUND } });
    const early = await world.accept(3);
    await world.cancel(early.slice(0, 1));
    await world.run();
    expect(world.settled).toMatchObject([{ rowCount: 2 }]);
    expect(world.simulator.stats().batches.rows.billed).toBe(2);
  });
});
