import { expect, test } from 'vitest';
import { createFrozenClock, createRunningClock } from '../../../simulator/clock.ts';

test('a frozen clock moves only when told, and wakes sleepers in order, at their instants', async () => {
  const clock = createFrozenClock(1_000);
  const woken: string[] = [];
  const sleep = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.nowMs()}`);
  };
  const sleeps = [sleep('late', 50), sleep('early', 10), sleep('never', 1_000)];
  await clock.advance(60);
  expect(woken).toEqual(['early@1010', 'late@1050']);
  expect(clock.nowMs()).toBe(1_060);
  await clock.advance(940);
  await Promise.all(sleeps);
  expect(woken.at(-1)).toBe('never@2000');
});

test('who sleeps again while time moves is woken again', async () => {
  const clock = createFrozenClock(0);
  const ticks: number[] = [];
  const work = (async () => {
    while (ticks.length < 5) {
      await clock.sleep(10);
      ticks.push(clock.nowMs());
    }
  })();
  await clock.advance(50);
  await work;
  expect(ticks).toEqual([10, 20, 30, 40, 50]);
});

test('an aborted sleep ends at once', async () => {
  for (const clock of [createFrozenClock(0), createRunningClock()]) {
    const off = new AbortController();
    const sleep = clock.sleep(3_600_000, off.signal);
    off.abort();
    await expect(sleep).resolves.toBeUndefined();
  }
});

test('a running clock can leap: sleepers wake without the wait', async () => {
  const clock = createRunningClock();
  const startedAtMs = clock.nowMs();
  const sleep = clock.sleep(3_600_000).then(() => clock.nowMs());
  await clock.advance(7_200_000);
  expect(await sleep).toBeGreaterThanOrEqual(startedAtMs + 3_600_000);
  expect(clock.nowMs()).toBeGreaterThanOrEqual(startedAtMs + 7_200_000);
});
