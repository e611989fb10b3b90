import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../shared/adapters/system/random.ts';
import {
  emptyHistogram,
  observe,
  type TurnaroundRecord,
} from '../../../shared/domain/lanes/turnaround.ts';
import type { TurnaroundStore } from '../../../shared/ports/turnaround-store.ts';
import { START_MS } from '../builders.ts';

export interface TurnaroundsUnderTest {
  /** Two workers' views of one store. */
  readonly one: TurnaroundStore;
  readonly other: TurnaroundStore;
  close(): Promise<void>;
}

/** Learns one more job of an hour. */
export const learnHour = (record: TurnaroundRecord | null): TurnaroundRecord => {
  const jobs = record?.jobs ?? emptyHistogram(START_MS);
  return {
    jobs: observe(jobs, { durationMs: 3_600_000, hasEnded: true }, START_MS),
    cancels: record?.cancels ?? emptyHistogram(START_MS),
  };
};

/** Jobs that a record was taught. */
export const jobsIn = (record: TurnaroundRecord | null): number =>
  record?.jobs.ended.reduce((sum, weight) => sum + weight, 0) ?? 0;

/** What every TurnaroundStore must do. Other tests may share its store. */
export function defineTurnaroundStoreContract(
  name: string,
  makeStores: () => Promise<TurnaroundsUnderTest>,
): void {
  describe(`TurnaroundStore on ${name}`, () => {
    let stores: TurnaroundsUnderTest;
    let model: string;

    beforeEach(async () => {
      stores = await makeStores();
      model = systemRandom.id('model_');
    });
    afterEach(() => stores.close());

    it('knows nothing at first, and then what it was taught', async () => {
      expect(await stores.one.read('openai', model)).toBeNull();
      await stores.one.update('openai', model, learnHour);
      expect(await stores.other.read('openai', model)).toEqual(learnHour(null));
    });

    it('loses no step when workers interleave', async () => {
      const turns = Array.from({ length: 20 }, (_, turn) => (turn % 2 ? stores.one : stores.other));
      await Promise.all(turns.map((store) => store.update('openai', model, learnHour)));
      expect(jobsIn(await stores.one.read('openai', model))).toBe(20);
    });

    it('keeps providers and models apart', async () => {
      await stores.one.update('openai', model, learnHour);
      expect(await stores.one.read('azure', model)).toBeNull();
      expect(await stores.one.read('openai', `${model}x`)).toBeNull();
    });

    it('changes nothing when the step throws', async () => {
      await stores.one.update('openai', model, learnHour);
      const broken = stores.one.update('openai', model, () => {
        throw new RangeError('the step broke');
      });
      await expect(broken).rejects.toThrow('the step broke');
      expect(jobsIn(await stores.other.read('openai', model))).toBe(1);
    });
  });
}
