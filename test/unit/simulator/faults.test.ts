import { describe, expect, test } from 'vitest';
import { chooseFault, parseFaults } from '../../../simulator/faults.ts';
import { drawBase } from '../../../simulator/random.ts';

const circumstances = { base: 1, attempt: 1, elapsedMs: 0, model: 'm', isFlex: false };

describe('fault specifications', () => {
  test('read kind, duration, probability, time span and attempts', () => {
    expect(parseFaults('http500:0.02, hang=20s:0.002@10s-1m#1,outage@500ms')).toEqual([
      { kind: 'http500', probability: 0.02 },
      {
        kind: 'hang',
        durationMs: 20_000,
        probability: 0.002,
        fromMs: 10_000,
        untilMs: 60_000,
        attempts: 1,
      },
      { kind: 'outage', fromMs: 500 },
    ]);
  });

  test.each([
    ['http999:0.1', /unknown kind "http999"; use one of http401/],
    ['http500:2', /probability 2 must lie between 0 and 1/],
    ['hang=20:0.1', /duration "20" needs a unit/],
    ['http500 0.1', /write kind\[=duration\]/],
  ])('%s is refused with what would be right', (spec, message) => {
    expect(() => parseFaults(spec)).toThrow(message);
  });
});

describe('choosing a fault', () => {
  test('strikes the share of requests it should, the same ones every time', () => {
    const rules = parseFaults('http500:0.02');
    const strike = (id: number) =>
      chooseFault(rules, { ...circumstances, base: drawBase(1, `r${id}`, 1) }) !== undefined;
    const struck = Array.from({ length: 20_000 }, (_, id) => strike(id));
    const count = struck.filter(Boolean).length;
    expect(count).toBeGreaterThan(330);
    expect(count).toBeLessThan(470);
    expect(Array.from({ length: 20_000 }, (_, id) => strike(id))).toEqual(struck);
  });

  test('draws for each rule apart, so that a new rule at the end moves no other', () => {
    const one = parseFaults('http500:0.3');
    const two = parseFaults('http500:0.3,reset_after:0.3');
    for (let id = 0; id < 500; id += 1) {
      const here = { ...circumstances, base: drawBase(1, `r${id}`, 1) };
      const both = chooseFault(two, here);
      expect(both?.kind === 'http500' ? both : undefined).toEqual(chooseFault(one, here));
    }
  });

  test('keeps to its time span, its attempts and its model', () => {
    const rules = parseFaults('outage@10s-20s');
    const at = (elapsedMs: number) => chooseFault(rules, { ...circumstances, elapsedMs })?.kind;
    expect([9_999, 10_000, 19_999, 20_000].map(at)).toEqual([
      undefined,
      'outage',
      'outage',
      undefined,
    ]);
    const first = parseFaults('http500#1');
    expect(chooseFault(first, circumstances)?.kind).toBe('http500');
    expect(chooseFault(first, { ...circumstances, attempt: 2 })).toBeUndefined();
    const other = [{ kind: 'http500', model: 'other' }] as const;
    expect(chooseFault(other, circumstances)).toBeUndefined();
  });

  test('flex capacity runs out for flex requests only', () => {
    const rules = parseFaults('flex_unavailable');
    expect(chooseFault(rules, circumstances)).toBeUndefined();
    expect(chooseFault(rules, { ...circumstances, isFlex: true })?.kind).toBe('flex_unavailable');
  });
});
