import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import { enterPhase, intendJob, type NativeJob } from '../../../shared/domain/native/native-job.ts';
import type { NativeJobStore } from '../../../shared/ports/native-job-store.ts';
import { START_MS } from '../builders.ts';

export interface NativeJobStoreUnderTest {
  readonly nativeJobs: NativeJobStore;
  close(): Promise<void>;
}

function jobOf(dueAtMs = START_MS): NativeJob {
  const job = intendJob(
    {
      id: systemRandom.id('job-'),
      provider: 'p',
      model: 'm',
      endpoint: '/v1/chat/completions',
      leaseOwner: 'job:one',
      manifest: { segment: 's', offset: 1, length: 2 },
      rowCount: 3,
      inputTokens: 4,
      maxOutputTokens: 1,
      longestAnswerTokens: 1,
      deadlineAtMs: null,
      halvings: 0,
      priming: null,
    },
    START_MS,
  );
  return { ...job, dueAtMs };
}

/** What every NativeJobStore promises. The store is the test's own. */
export function defineNativeJobStoreContract(
  name: string,
  open: () => Promise<NativeJobStoreUnderTest>,
): void {
  describe(`NativeJobStore on ${name}`, () => {
    let store: NativeJobStoreUnderTest;
    let jobs: NativeJobStore;

    beforeEach(async () => {
      store = await open();
      jobs = store.nativeJobs;
    });
    afterEach(() => store.close());

    it('records a job once', async () => {
      const job = jobOf();
      expect(await jobs.create(job)).toBe(true);
      expect(await jobs.create({ ...job, rowCount: 9 })).toBe(false);
      expect(await jobs.get(job.id)).toEqual(job);
      expect(await jobs.get('job-nobody')).toBeNull();
    });

    it('takes a write that has seen the last one, and no other', async () => {
      const job = jobOf();
      await jobs.create(job);
      expect(await jobs.update({ ...job, note: 'first' })).toBe(true);
      expect(await jobs.update({ ...job, note: 'late' })).toBe(false);
      const stored = await jobs.get(job.id);
      expect(stored).toEqual({ ...job, note: 'first', version: 1 });
      expect(await jobs.update({ ...jobOf(), note: 'of nobody' })).toBe(false);
    });

    it('lets one of several who write at once through', async () => {
      const job = jobOf();
      await jobs.create(job);
      const writes = ['a', 'b', 'c', 'd'].map((note) => jobs.update({ ...job, note }));
      expect((await Promise.all(writes)).filter(Boolean)).toHaveLength(1);
    });

    it('lists what is due, soonest first, up to the limit', async () => {
      const late = jobOf(START_MS + 5_000);
      const soon = jobOf(START_MS + 1_000);
      const now = jobOf(START_MS);
      for (const job of [late, soon, now]) await jobs.create(job);
      const ids = async (nowMs: number, limit = 10) =>
        (await jobs.due(nowMs, limit)).map(({ id }) => id);
      expect(await ids(START_MS - 1)).toEqual([]);
      expect(await ids(START_MS + 1_000)).toEqual([now.id, soon.id]);
      expect(await ids(START_MS + 9_000)).toEqual([now.id, soon.id, late.id]);
      expect(await ids(START_MS + 9_000, 1)).toEqual([now.id]);
      await jobs.update({ ...now, dueAtMs: START_MS + 9_000 });
      expect(await ids(START_MS + 8_999)).toEqual([soon.id, late.id]);
    });

    it('forgets a job that is done where it lists, and keeps one that is settled', async () => {
      const job: NativeJob = { ...jobOf(), phase: 'settled' };
      await jobs.create(job);
      const ended: NativeJob = { ...jobOf(), phase: 'ended' };
      await jobs.create(ended);
      expect((await jobs.open()).map(({ id }) => id)).toEqual([ended.id]);
      await jobs.update(enterPhase(ended, 'settled'));
      expect(await jobs.open()).toEqual([]);
      const due = await jobs.due(START_MS * 2, 10);
      expect(due.map(({ id }) => id).sort()).toEqual([job.id, ended.id].sort());
      await jobs.update({ ...enterPhase(ended, 'settled'), version: 1, phase: 'done' });
      expect((await jobs.unfinished()).map(({ id }) => id)).toEqual([job.id]);
      await jobs.update(enterPhase(job, 'done'));
      expect(await jobs.unfinished()).toEqual([]);
      expect(await jobs.due(START_MS * 2, 10)).toEqual([]);
      expect(await jobs.get(job.id)).toMatchObject({ phase: 'done', version: 1 });
    });
  });
}
