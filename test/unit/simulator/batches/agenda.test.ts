import { expect, test } from 'vitest';
import { Agenda } from '../../../../simulator/batches/agenda.ts';

test('what is due happens in the order of time, at its own instant', () => {
  const agenda = new Agenda();
  const done: string[] = [];
  const note = (name: string) => (atMs: number) => done.push(`${name}@${atMs}`);
  agenda.add(30, note('c'));
  agenda.add(10, note('a'));
  agenda.add(10, note('b'));
  agenda.add(Number.POSITIVE_INFINITY, note('never'));
  agenda.settle(20);
  expect(done).toEqual(['a@10', 'b@10']);
  expect(agenda.nextAtMs).toBe(30);
  agenda.settle(1_000);
  expect(done.at(-1)).toBe('c@30');
  expect(agenda.nextAtMs).toBeUndefined();
});

test('what is added meanwhile happens too, if it is due', () => {
  const agenda = new Agenda();
  const done: number[] = [];
  agenda.add(10, (atMs) => {
    agenda.add(15, (later) => done.push(later));
    agenda.add(25, (later) => done.push(later));
    done.push(atMs);
  });
  agenda.add(20, (atMs) => done.push(atMs));
  agenda.settle(20);
  expect(done).toEqual([10, 15, 20]);
});
