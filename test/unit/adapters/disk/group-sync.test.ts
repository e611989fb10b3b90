import { expect, it } from 'vitest';
import { GroupSync } from '../../../../shared/adapters/disk/group-sync.ts';

/** A flush that ends when told, and counts how often it began. */
function makeFlush() {
  const running: { end: () => void; fail: (error: Error) => void }[] = [];
  const sync = new GroupSync(() => new Promise((end, fail) => running.push({ end, fail })));
  return { sync, running };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('serves all who ask during one flush by the next', async () => {
  const { sync, running } = makeFlush();
  const first = sync.flush();
  const later = [sync.flush(), sync.flush(), sync.flush()];
  let isLaterDone = false;
  void Promise.all(later).then(() => {
    isLaterDone = true;
  });
  expect(running).toHaveLength(1);
  running[0]?.end();
  await first;
  await turn();
  // What they wrote may have missed the first flush, so it cannot speak for them.
  expect(isLaterDone).toBe(false);
  expect(running).toHaveLength(2);
  running[1]?.end();
  await Promise.all(later);
  expect(running).toHaveLength(2);
});

it('tells each group of its own failure, and goes on', async () => {
  const { sync, running } = makeFlush();
  const first = sync.flush();
  const second = sync.flush();
  running[0]?.fail(new Error('disk error'));
  await expect(first).rejects.toThrow('disk error');
  await turn();
  running[1]?.end();
  await expect(second).resolves.toBeUndefined();
  const third = sync.flush();
  expect(running).toHaveLength(3);
  running[2]?.end();
  await third;
});
