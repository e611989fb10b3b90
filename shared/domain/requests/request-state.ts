import type { RequestStatus } from './request.ts';

/** What can happen to a request. */
export type RequestEvent = 'lease' | 'defer' | 'retry' | 'succeed' | 'fail' | 'cancel' | 'expire';

/**
 * The life cycle, as one table. A missing entry is an illegal transition. Terminal states have
 * no way out, so a late or duplicate worker changes nothing.
 *
 * A queued request may succeed or fail without a new lease: a result found after a crash is
 * adopted, and a refusal needs no call.
 */
const TRANSITIONS: Readonly<Record<RequestStatus, Partial<Record<RequestEvent, RequestStatus>>>> = {
  queued: {
    lease: 'running',
    defer: 'queued',
    succeed: 'succeeded',
    fail: 'failed',
    cancel: 'cancelled',
    expire: 'expired',
  },
  running: {
    lease: 'running',
    defer: 'queued',
    retry: 'queued',
    succeed: 'succeeded',
    fail: 'failed',
    cancel: 'cancelled',
    expire: 'expired',
  },
  succeeded: {},
  failed: {},
  cancelled: {},
  expired: {},
};

export const TERMINAL_STATUSES = ['succeeded', 'failed', 'cancelled', 'expired'] as const;

export function isTerminal(status: RequestStatus): boolean {
  return Object.keys(TRANSITIONS[status]).length === 0;
}

/** The state after the event, or `null` when the event is illegal there. */
export function nextStatus(status: RequestStatus, event: RequestEvent): RequestStatus | null {
  return TRANSITIONS[status][event] ?? null;
}
