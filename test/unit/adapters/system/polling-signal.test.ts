import { expect, it } from 'vitest';
import { createPollingSignal } from '../../../../shared/adapters/system/polling-signal.ts';
import type { CompletionSignal } from '../../../../shared/ports/completion-signal.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const never = new AbortController().signal;

/** How long each of so many waits took, one after the other. */
async function waits(
  signal: CompletionSignal,
  clock: FakeClock,
  count: number,
  timeoutMs = 60_000,
) {
  const lengths: number[] = [];
  for (let wait = 0; wait < count; wait += 1) {
    const beganAtMs = clock.nowMs();
    await clock.runUntil(signal.wait('tenant', 'request', timeoutMs, never));
    lengths.push(clock.nowMs() - beganAtMs);
  }
  return lengths;
}

it('looks soon at first, then down to once a second', async () => {
  const clock = new FakeClock();
  const lengths = await waits(createPollingSignal(clock), clock, 14);
  expect(lengths.slice(0, 3)).toEqual([100, 100, 100]);
  expect(lengths).toEqual(lengths.toSorted((one, other) => one - other));
  expect(lengths.at(-1)).toBe(1_000);
  expect(lengths.filter((ms) => ms === 1_000).length).toBeGreaterThan(2);
});

it('begins anew for another request, and for the same one later', async () => {
  const clock = new FakeClock();
  const signal = createPollingSignal(clock);
  await waits(signal, clock, 14);
  const beganAtMs = clock.nowMs();
  await clock.runUntil(signal.wait('tenant', 'another', 60_000, never));
  expect(clock.nowMs() - beganAtMs).toBe(100);
  await clock.runUntil(clock.sleep(5_000));
  expect(await waits(signal, clock, 1)).toEqual([100]);
});

it('waits no longer than it is told, and not once it is aborted', async () => {
  const clock = new FakeClock();
  const signal = createPollingSignal(clock);
  expect(await waits(signal, clock, 2, 30)).toEqual([30, 30]);
  expect(await waits(signal, clock, 1, 0)).toEqual([0]);
  const beganAtMs = clock.nowMs();
  await signal.wait('tenant', 'request', 60_000, AbortSignal.abort());
  expect(clock.nowMs()).toBe(beganAtMs);
});

it('remembers a bounded number of requests', async () => {
  const clock = new FakeClock();
  const signal = createPollingSignal(clock);
  for (let id = 0; id < 1_500; id += 1) {
    await signal.wait('tenant', `request-${id}`, 0, never);
  }
  expect(await waits(signal, clock, 1)).toEqual([100]);
});
