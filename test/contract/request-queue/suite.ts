import { beforeEach, describe, expect, it } from 'vitest';
import type { RequestQueue, SliceNotice } from '../../../shared/ports/request-queue.ts';

export interface QueueUnderTest {
  readonly queue: RequestQueue;
  /** What workers of one kind were told, in no particular order. */
  received(kind: 'interactive' | 'bulk'): Promise<SliceNotice[]>;
}

export function noticeOf(slice: string, overrides: Partial<SliceNotice> = {}): SliceNotice {
  return { tenant: 'tenant-a', slice, model: 'gpt-4o-mini', priority: 5, ...overrides };
}

const inOrder = (notices: readonly SliceNotice[]) =>
  notices.toSorted((one, other) => (one.slice < other.slice ? -1 : 1));

/** What every RequestQueue must do. Each is made empty. */
export function defineRequestQueueContract(
  name: string,
  makeQueue: () => Promise<QueueUnderTest>,
): void {
  describe(`RequestQueue on ${name}`, () => {
    let under: QueueUnderTest;

    beforeEach(async () => {
      under = await makeQueue();
    });

    it('has nothing to say about nothing', async () => {
      expect(await under.queue.announce([])).toEqual([]);
      expect(await under.received('bulk')).toEqual([]);
    });

    it('tells interactive workers of what somebody waits for, and the others of all else', async () => {
      const urgent = noticeOf('a', { priority: 0, tenant: 'ünï tenant' });
      const others = [noticeOf('b', { priority: 5 }), noticeOf('c', { priority: 9 })];
      expect(await under.queue.announce([urgent, ...others])).toEqual([]);
      expect(await under.received('interactive')).toEqual([urgent]);
      expect(inOrder(await under.received('bulk'))).toEqual(others);
    });

    it('loses none of many', async () => {
      const notices = Array.from({ length: 137 }, (_, index) =>
        noticeOf(`slice-${String(index).padStart(3, '0')}`, { tenant: `tenant-${index % 7}` }),
      );
      expect(await under.queue.announce(notices)).toEqual([]);
      expect(inOrder(await under.received('bulk'))).toEqual(notices);
    });
  });
}
