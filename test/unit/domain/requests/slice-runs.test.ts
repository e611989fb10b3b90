import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countDue,
  extend,
  grant,
  lapsedOwners,
  nextDueAtMs,
  openRuns,
  release,
  runAt,
  type SliceRuns,
  touch,
} from '../../../../shared/domain/requests/slice-runs.ts';
import { decodeRuns, encodeRuns } from '../../../../shared/domain/requests/slice-runs-codec.ts';

const NONE_ENDED = () => false;
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const terms = (owner: string, nowMs: number, limit = 100) => ({
  owner,
  nowMs,
  expiresAtMs: nowMs + 50,
  limit,
});
const indicesOf = (granted: readonly { readonly index: number }[]) =>
  granted.map(({ index }) => index);

describe('slice runs', () => {
  it('start as one run, with gaps where places are not taken', () => {
    expect(openRuns(upTo(250)).runs).toHaveLength(1);
    expect(openRuns([4, 0, 1]).runs.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [4, 4],
    ]);
    expect(openRuns([]).runs).toEqual([]);
  });

  it('grant the lowest that are due, up to the limit, once', () => {
    const first = grant(openRuns(upTo(5)), terms('one', 1, 2), NONE_ENDED);
    expect(indicesOf(first.granted)).toEqual([0, 1]);
    const second = grant(first.state, terms('two', 1), NONE_ENDED);
    expect(indicesOf(second.granted)).toEqual([2, 3, 4]);
    expect(grant(second.state, terms('three', 1), NONE_ENDED)).toEqual({
      state: second.state,
      granted: [],
    });
  });

  it('void a lease the millisecond after it ran out, and name who let it lapse', () => {
    const { state } = grant(openRuns(upTo(2)), terms('one', 0), NONE_ENDED);
    expect(grant(state, terms('two', 50), NONE_ENDED).granted).toEqual([]);
    expect(lapsedOwners(state, 50, () => false)).toEqual([]);
    expect(lapsedOwners(state, 51, () => false)).toEqual(['one']);
    expect(indicesOf(grant(state, terms('two', 51), NONE_ENDED).granted)).toEqual([0, 1]);
  });

  it('keep what an owner said when it handed a request back', () => {
    const { state, granted } = grant(openRuns(upTo(3)), terms('one', 0), NONE_ENDED);
    const fence = granted[0]?.fence ?? 0;
    const back = { index: 1, fence, notBeforeMs: 70.2, attempts: 2, firstAttemptAtMs: 5 };
    const handedBack = release(state, [back]);
    expect(runAt(handedBack, 1)).toMatchObject({ owner: null, dueAtMs: 71, attempts: 2 });
    expect(countDue(handedBack, 71)).toBe(3);
    expect(nextDueAtMs(handedBack, (index) => index !== 1)).toBe(71);
    const again = grant(handedBack, terms('two', 71), (index) => index !== 1);
    expect(again.granted).toEqual([
      { index: 1, fence: fence + 1, attempts: 2, firstAttemptAtMs: 5 },
    ]);
  });

  it('never come due before time began', () => {
    const { state } = grant(openRuns([0]), terms('one', 0), NONE_ENDED);
    const back = { index: 0, fence: 1, notBeforeMs: -9, attempts: 0, firstAttemptAtMs: null };
    expect(runAt(release(state, [back]), 0)?.dueAtMs).toBe(0);
  });

  it('are touched once, and by a grant as well', () => {
    const touched = touch(openRuns([0]));
    expect(touched.fence).toBe(1);
    expect(touch(touched)).toBe(touched);
    const { state } = grant(touched, terms('one', 0), NONE_ENDED);
    expect(touch(state)).toBe(state);
  });

  it('stay a short text however often a slice is leased as a whole', () => {
    let state = openRuns(upTo(250));
    for (let nowMs = 1_795_514_400_000; state.fence < 50; nowMs += 60_000) {
      state = grant(state, terms('dispatch-3f9c2e7a81', nowMs), NONE_ENDED).state;
    }
    expect(encodeRuns(state).length).toBeLessThan(50);
  });
});

interface Step {
  readonly kind: 'grant' | 'release' | 'extend' | 'end' | 'wait';
  readonly pick: number;
  readonly amount: number;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('grant', 'release', 'extend', 'end', 'wait'),
    pick: fc.nat({ max: 40 }),
    amount: fc.integer({ min: 1, max: 60 }),
  }),
  { maxLength: 60 },
);

interface ModelRequest {
  fence: number;
  owner: string | null;
  dueAtMs: number;
  hasEnded: boolean;
}

describe('slice runs, against requests kept one by one', () => {
  it('grant what is due and nothing else, under fences that only grow; stale ones never succeed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), steps, (size, sequence) => {
        let state: SliceRuns = openRuns(upTo(size));
        let nowMs = 0;
        const model = upTo(size).map(
          (): ModelRequest => ({ fence: 0, owner: null, dueAtMs: 0, hasEnded: false }),
        );
        const leases: { index: number; fence: number }[] = [];
        const hasEnded = (index: number) => model[index]?.hasEnded === true;
        for (const { kind, pick, amount } of sequence) {
          const lease = leases[pick % Math.max(1, leases.length)];
          const held = lease === undefined ? undefined : model[lease.index];
          const isCurrent = held !== undefined && held.fence === lease?.fence;
          if (kind === 'wait') nowMs += amount;
          else if (kind === 'end') Object.assign(model[pick % size] ?? {}, { hasEnded: true });
          else if (kind === 'grant') {
            const owner = `owner ${pick % 3}`;
            const due = upTo(size).filter(
              (index) => !hasEnded(index) && (model[index]?.dueAtMs ?? 0) <= nowMs,
            );
            const before = state.fence;
            const { state: next, granted } = grant(state, terms(owner, nowMs, amount), hasEnded);
            expect(indicesOf(granted)).toEqual(due.slice(0, amount));
            for (const { index, fence } of granted) {
              expect(fence).toBe(before + 1);
              Object.assign(model[index] ?? {}, { fence, owner, dueAtMs: nowMs + 51 });
              leases.push({ index, fence });
            }
            state = next;
          } else if (lease !== undefined && held !== undefined) {
            const next =
              kind === 'extend'
                ? extend(state, [lease], nowMs + amount)
                : release(state, [
                    { ...lease, notBeforeMs: nowMs + amount, attempts: 1, firstAttemptAtMs: null },
                  ]);
            if (!isCurrent) expect(next).toBe(state);
            state = next;
            if (isCurrent && kind === 'release') {
              Object.assign(held, { owner: null, dueAtMs: nowMs + amount });
            } else if (isCurrent && held.owner !== null) held.dueAtMs = nowMs + amount + 1;
          }
          for (const [index, request] of model.entries()) {
            if (request.hasEnded) continue;
            const { owner, dueAtMs, fence } = request;
            expect(runAt(state, index)).toMatchObject({ owner, dueAtMs, fence });
          }
          expect(decodeRuns(encodeRuns(state))).toEqual(state);
        }
      }),
    );
  });

  it('survive being written down, whatever an owner is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), (owner, nowMs) => {
        // A lone surrogate is no text that a name could hold.
        fc.pre(owner.isWellFormed());
        const { state } = grant(openRuns(upTo(3)), terms(owner, nowMs, 2), NONE_ENDED);
        expect(decodeRuns(encodeRuns(state))).toEqual(state);
      }),
    );
  });
});
