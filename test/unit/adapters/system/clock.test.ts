import { expect, it, vi } from 'vitest';
import { systemClock } from '../../../../shared/adapters/system/clock.ts';

it('tells whole milliseconds', () => {
  expect(Number.isInteger(systemClock.nowMs())).toBe(true);
  expect(systemClock.nowMs()).toBeGreaterThan(1_790_000_000_000);
});

it('sleeps no shorter than asked', async () => {
  for (let round = 0; round < 20; round += 1) {
    const started = performance.now();
    await systemClock.sleep(2.5);
    expect(performance.now() - started).toBeGreaterThanOrEqual(2.5);
  }
});

it('wakes at once when aborted, before or during the sleep, and leaves no listener', async () => {
  const controller = new AbortController();
  const remove = vi.spyOn(controller.signal, 'removeEventListener');
  const asleep = systemClock.sleep(3_600_000, controller.signal);
  controller.abort();
  await expect(asleep).resolves.toBeUndefined();
  await expect(systemClock.sleep(3_600_000, controller.signal)).resolves.toBeUndefined();
  expect(remove).toHaveBeenCalledTimes(1);
});

it('sleeps longer than a timer can', async () => {
  vi.useFakeTimers();
  try {
    let isAwake = false;
    const days30 = 30 * 86_400_000;
    void systemClock.sleep(days30).then(() => {
      isAwake = true;
    });
    await vi.advanceTimersByTimeAsync(days30 - 1_000);
    expect(isAwake).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(isAwake).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
