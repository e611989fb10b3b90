import { expect, it } from 'vitest';
import { S3ResultLog } from '../../../../shared/adapters/s3/result-log.ts';
import { parseSegmentName } from '../../../../shared/adapters/segments/segment-names.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

interface Write {
  readonly kind: 'object' | 'item';
  readonly segment: string;
  readonly bytes: number;
  readonly atMs: number;
}

const line = (bytes: number) => new Uint8Array(bytes - 1).fill(48);

/** A log whose writes take 30 ms, and whether the next ones fail. */
function makeLog() {
  const clock = new FakeClock();
  const startMs = clock.nowMs();
  const writes: Write[] = [];
  const folders: string[] = [];
  const faults = { objects: 0, folders: 0 };
  const fail = (kind: keyof typeof faults) => {
    if (faults[kind] === 0) return;
    faults[kind] -= 1;
    throw new Error(`${kind} are out of order`);
  };
  const putAs = (kind: Write['kind']) => async (segment: string, bytes: Uint8Array) => {
    writes.push({ kind, segment, bytes: bytes.length, atMs: clock.nowMs() - startMs });
    await clock.sleep(30);
    if (kind === 'object') fail('objects');
  };
  const log = new S3ResultLog({
    objects: { put: putAs('object') },
    small: { put: putAs('item') },
    index: {
      addFolder: async (owner, tenant) => {
        folders.push(`${owner} ${tenant}`);
        fail('folders');
      },
    },
    clock,
    owner: 'worker-1',
  });
  return { log, clock, writes, folders, faults };
}

it('writes the first line at once, and what follows once a second', async () => {
  const { log, clock, writes } = makeLog();
  const answers: Promise<unknown>[] = [];
  const arrive = async () => {
    for (let answer = 0; answer < 350; answer += 1) {
      answers.push(log.append('tenant-a', line(3_000)));
      await clock.sleep(10);
    }
  };
  await clock.runUntil(arrive());
  await clock.runUntil(Promise.all(answers));
  expect(writes.map(({ atMs }) => atMs)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  expect(writes.map(({ bytes }) => bytes / 3_000)).toEqual([1, 99, 100, 100, 50]);
  expect(writes.map(({ kind }) => kind)).toEqual(['item', 'object', 'object', 'object', 'object']);
});

it('writes at once again after a pause', async () => {
  const { log, clock, writes } = makeLog();
  for (const pauseMs of [0, 5_000, 1_000]) {
    await clock.runUntil(clock.sleep(pauseMs));
    await clock.runUntil(log.append('tenant-a', line(100)));
  }
  expect(writes.map(({ atMs }) => atMs)).toEqual([0, 5_030, 6_060]);
});

it('joins the lines of one turn, and never those of two tenants', async () => {
  const { log, clock, writes } = makeLog();
  const appends = ['a', 'b', 'a', 'b', 'a'].map((tenant) => log.append(tenant, line(1_000)));
  await clock.runUntil(Promise.all(appends));
  expect(writes.map(({ bytes }) => bytes)).toEqual([3_000, 2_000]);
  expect(writes.map(({ segment }) => parseSegmentName(segment)?.tenant)).toEqual(['a', 'b']);
});

it('does not wait once a group is large', async () => {
  const { log, clock, writes } = makeLog();
  await clock.runUntil(log.append('tenant-a', line(100)));
  await clock.runUntil(Promise.all([1, 2, 3].map(() => log.append('tenant-a', line(2_000_000)))));
  expect(writes.map(({ atMs }) => atMs)).toEqual([0, 30]);
});

it('names a tenant’s folder once, with its first object', async () => {
  const { log, clock, folders } = makeLog();
  await clock.runUntil(log.append('tenant-a', line(100)));
  expect(folders).toEqual([]);
  for (let group = 0; group < 3; group += 1) {
    await clock.runUntil(log.append('tenant-a', line(9_000)));
  }
  expect(folders).toEqual(['worker-1 tenant-a']);
});

it.each(['objects', 'folders'] as const)(
  'rejects a group when %s fail, and goes on after',
  async (kind) => {
    const { log, clock, writes, folders, faults } = makeLog();
    faults[kind] = 1;
    const group = [1, 2].map(() => log.append('tenant-a', line(9_000)));
    const ends = await clock.runUntil(Promise.allSettled(group));
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const pointer = await clock.runUntil(log.append('tenant-a', line(9_000)));
    expect(pointer.segment).toBe(writes.at(-1)?.segment);
    // What failed half-way may stand after all: its name is not used again.
    expect(writes[1]?.segment).not.toBe(writes[0]?.segment);
    expect(folders).toHaveLength(kind === 'folders' ? 2 : 1);
  },
);

it('flushes at once what waits when no more is to come', async () => {
  const { log, clock, writes } = makeLog();
  await clock.runUntil(log.flush());
  await clock.runUntil(log.append('tenant-a', line(100)));
  const last = log.append('tenant-a', line(200));
  await clock.runUntil(log.flush());
  await last;
  expect(writes.map(({ atMs }) => atMs)).toEqual([0, 30]);
});

it('keeps nobody waiting longer because the clock was set back', async () => {
  const { log, clock, writes } = makeLog();
  await clock.runUntil(log.append('tenant-a', line(100)));
  clock.setBack(3_600_000);
  await clock.runUntil(log.append('tenant-a', line(100)));
  expect((writes[1]?.atMs ?? 0) - (writes[0]?.atMs ?? 0)).toBe(30 - 3_600_000 + 1_000);
});
