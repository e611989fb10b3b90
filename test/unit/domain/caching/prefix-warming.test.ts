import { describe, expect, it } from 'vitest';
import { PrefixWarming } from '../../../../shared/domain/caching/prefix-warming.ts';

function warming(queueMs = 60_000): PrefixWarming {
  const subject = new PrefixWarming();
  subject.setQueueMs(queueMs);
  return subject;
}

describe('followers', () => {
  it('wait for their leader, at most one per cent of the queue s time', () => {
    const subject = warming();
    subject.sent('p', 0);
    expect(subject.holdMs('p', 0)).toBe(600);
    expect(subject.holdMs('p', 599)).toBe(1);
    expect(subject.holdMs('p', 600)).toBe(0);
    expect(subject.holdMs('other', 0)).toBe(0);
  });

  it('go once the leader is answered', () => {
    const subject = warming();
    subject.sent('p', 0);
    subject.ended('p', true, 200);
    expect(subject.holdMs('p', 200)).toBe(0);
    expect(subject.isCold('p', 200)).toBe(false);
  });

  it('get a new leader when the first one failed', () => {
    const subject = warming();
    subject.sent('p', 0);
    subject.ended('p', false, 200);
    expect(subject.isCold('p', 200)).toBe(true);
    expect(subject.holdMs('p', 200)).toBe(0);
  });

  it('are not held in a short queue', () => {
    const subject = warming(0);
    subject.sent('p', 0);
    expect(subject.holdMs('p', 0)).toBe(0);
  });

  it('need a leader again when the opening was not used for five minutes', () => {
    const subject = warming();
    subject.sent('p', 0);
    subject.ended('p', true, 1_000);
    expect(subject.isCold('p', 300_999)).toBe(false);
    expect(subject.isCold('p', 301_000)).toBe(true);
  });
});
