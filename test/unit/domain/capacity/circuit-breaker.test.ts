import { expect, it } from 'vitest';
import { CircuitBreaker } from '../../../../shared/domain/capacity/circuit-breaker.ts';

const noLuck = (): number => 0;

function broken(faults = 10): CircuitBreaker {
  const breaker = new CircuitBreaker();
  for (let call = 0; call < faults; call += 1) breaker.sent();
  for (let call = 0; call < faults; call += 1) breaker.faulted(0, noLuck);
  return breaker;
}

it('stays closed while answers come in between', () => {
  const breaker = new CircuitBreaker();
  for (let fault = 0; fault < 100; fault += 1) {
    breaker.faulted(fault, noLuck);
    if (fault % 9 === 8) breaker.answered();
  }
  expect(breaker.waitMs(100)).toBe(0);
});

it('opens after ten faults in a row, and then lets out one probe at a time', () => {
  const breaker = broken();
  expect(breaker.waitMs(0)).toBe(500);
  expect(breaker.waitMs(500)).toBe(0);
  breaker.sent();
  expect(breaker.waitMs(500)).toBe(Number.POSITIVE_INFINITY);
});

it('waits twice as long after each failed probe, up to half a minute', () => {
  const breaker = broken();
  const waits: number[] = [];
  let nowMs = 0;
  for (let probe = 0; probe < 8; probe += 1) {
    const waitMs = breaker.waitMs(nowMs);
    waits.push(waitMs);
    nowMs += waitMs;
    breaker.sent();
    breaker.faulted(nowMs, noLuck);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

it('closes with the first answer', () => {
  const breaker = broken();
  breaker.sent();
  breaker.answered();
  expect(breaker.waitMs(0)).toBe(0);
  expect(breaker.failingSince).toBeNull();
});

it('does not take late echoes of the same outage for failed probes', () => {
  const breaker = broken(30);
  expect(breaker.waitMs(0)).toBe(500);
});

it('frees the probe slot when the probe says nothing about the provider', () => {
  const breaker = broken();
  breaker.sent();
  breaker.undecided();
  expect(breaker.waitMs(600)).toBe(0);
});
