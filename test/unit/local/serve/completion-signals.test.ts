import { describe, expect, it } from 'vitest';
import { CompletionSignals } from '../../../../local/serve/completion-signals.ts';
import { addressesLoopback, isLoopback } from '../../../../local/serve/loopback.ts';
import { NO_USAGE } from '../../../../shared/domain/cost/usage.ts';
import type { PublishedResult } from '../../../../shared/usecases/dispatch-progress.ts';

function result(tenant: string, id: string): PublishedResult {
  return {
    customId: null,
    line: Buffer.from('{}'),
    outcome: {
      id,
      tenant,
      status: 'succeeded',
      statusCode: 200,
      errorCode: null,
      lane: 'live',
      provider: 'p',
      usage: NO_USAGE,
      costMicroUsd: 0,
      attempts: 1,
      firstAttemptAtMs: 1,
      finishedAtMs: 2,
      result: { segment: 's', offset: 0, length: 1 },
    },
  };
}

const never = new AbortController().signal;
const LONG_MS = 60_000;

describe('CompletionSignals', () => {
  it('wakes everyone who waits for the request, and nobody else', async () => {
    const signals = new CompletionSignals();
    const woken: string[] = [];
    const wait = (name: string, tenant: string, id: string, signal = never) =>
      signals.wait(tenant, id, LONG_MS, signal).then(() => woken.push(name));
    const abort = new AbortController();
    const other = wait('other tenant', 'b', 'req_1', abort.signal);
    const waits = [wait('first', 'a', 'req_1'), wait('second', 'a', 'req_1')];
    signals.published([result('a', 'req_2'), result('a', 'req_1')]);
    await Promise.all(waits);
    expect(woken).toEqual(['first', 'second']);
    abort.abort();
    await other;
    expect(woken).toContain('other tenant');
  });

  it('does not wait at all where the caller is gone, nor beyond its time', async () => {
    const signals = new CompletionSignals();
    await signals.wait('a', 'req_1', LONG_MS, AbortSignal.abort());
    await signals.wait('a', 'req_1', 1, never);
    expect(() => signals.published([result('a', 'req_1')])).not.toThrow();
  });
});

describe('loopback', () => {
  it('knows the names of this machine', () => {
    for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.1', '::1', '[::1]']) {
      expect(isLoopback(host)).toBe(true);
    }
    for (const host of [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      'localhost.evil.example',
      '127.0.0.1.nip.io',
    ]) {
      expect(isLoopback(host)).toBe(false);
    }
  });

  it('judges a call by the name it was addressed to', () => {
    expect(addressesLoopback(new Request('http://127.0.0.1:8080/v1/models'))).toBe(true);
    expect(addressesLoopback(new Request('http://evil.example:8080/v1/models'))).toBe(false);
  });
});
