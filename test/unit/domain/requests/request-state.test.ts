import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RequestStatus } from '../../../../shared/domain/requests/request.ts';
import {
  isTerminal,
  nextStatus,
  type RequestEvent,
  TERMINAL_STATUSES,
} from '../../../../shared/domain/requests/request-state.ts';

const EVENTS: readonly RequestEvent[] = [
  'lease',
  'defer',
  'retry',
  'succeed',
  'fail',
  'cancel',
  'expire',
];

it('gives a request one end, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }), (events) => {
      let status: RequestStatus = 'queued';
      const ends = new Set<RequestStatus>();
      for (const event of events) {
        status = nextStatus(status, event) ?? status;
        if (isTerminal(status)) ends.add(status);
      }
      expect(ends.size).toBeLessThanOrEqual(1);
    }),
  );
});

it('lets nothing out of a terminal state', () => {
  for (const status of TERMINAL_STATUSES) {
    expect(isTerminal(status)).toBe(true);
    expect(EVENTS.map((event) => nextStatus(status, event))).toEqual(EVENTS.map(() => null));
  }
});

it('begins no attempt that is not leased', () => {
  expect(nextStatus('queued', 'retry')).toBeNull();
  expect(nextStatus('queued', 'lease')).toBe('running');
  expect(nextStatus('running', 'retry')).toBe('queued');
});

it('publishes an answer found after a crash without a new lease', () => {
  expect(nextStatus('queued', 'succeed')).toBe('succeeded');
});
