import { describe, expect, it } from 'vitest';
import type { RequestStatus, RequestView } from '../../../shared/domain/requests/request.ts';
import type { RequestStore } from '../../../shared/ports/request-store.ts';
import { createGetRequest } from '../../../shared/usecases/get-request.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemorySegments } from '../../support/memory-segments.ts';

const VIEW: Omit<RequestView, 'status'> = {
  id: 'req_1',
  tenant: 't',
  customId: null,
  batchId: null,
  model: 'm',
  endpoint: '/v1/responses',
  lane: null,
  priority: 5,
  tags: [],
  fingerprint: 'f',
  body: { segment: 's', offset: 0, length: 0 },
  inputTokens: 1,
  maxOutputTokens: 1,
  prefixKey: null,
  groupOrder: 0,
  createdAtMs: 0,
  deadlineAtMs: null,
  attempts: 0,
  notBeforeMs: 0,
  outcome: null,
};

/** A ledger whose request has the next of these states each time it is read. */
function start(statuses: RequestStatus[], wait: (timeoutMs: number) => Promise<void>) {
  const clock = new FakeClock();
  let reads = 0;
  const never = () => Promise.reject(new Error('not expected'));
  const requests: RequestStore = {
    get: async () => {
      const status = statuses[Math.min(reads, statuses.length - 1)] ?? 'queued';
      reads += 1;
      return { ...VIEW, status };
    },
    accept: never,
    list: never,
    published: never,
    counts: never,
    usage: never,
  };
  const aborted: boolean[] = [];
  const getRequest = createGetRequest({
    requests,
    payloads: new MemorySegments().payloads,
    clock,
    completions: {
      wait: (_, __, timeoutMs, signal) => {
        signal.addEventListener('abort', () => aborted.push(true));
        return wait(timeoutMs);
      },
    },
  });
  const signal = new AbortController().signal;
  return { clock, aborted, get: (waitMs: number) => getRequest('t', 'req_1', { waitMs, signal }) };
}

describe('waiting for a request', () => {
  it('misses no end between looking and waiting', async () => {
    // The signal came before anyone listened, so this wait would never end by itself.
    const { get, aborted } = start(['running', 'cancelled'], () => new Promise(() => undefined));
    expect((await get(25_000)).view.status).toBe('cancelled');
    expect(aborted).toEqual([true]);
  });

  it('goes on after a wait that ended early, for the time that is left', async () => {
    const timeouts: number[] = [];
    const { get, clock } = start(['running', 'running', 'running', 'expired'], (timeoutMs) => {
      timeouts.push(timeoutMs);
      return clock.sleep(400);
    });
    expect((await clock.runUntil(get(1_000))).view.status).toBe('expired');
    expect(timeouts).toEqual([1_000, 600, 200]);
  });

  it('answers with what there is when the time is over', async () => {
    const { get, clock } = start(['queued'], (timeoutMs) => clock.sleep(timeoutMs));
    const before = clock.nowMs();
    const { view, answer } = await clock.runUntil(get(7_000));
    expect([view.status, answer, clock.nowMs() - before]).toEqual(['queued', null, 7_000]);
  });
});
