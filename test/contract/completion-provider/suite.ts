/** What every completion provider promises, whichever dialect it speaks. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
  Dimension,
  ProviderOutcome,
} from '../../../shared/domain/capacity/provider-outcome.ts';
import type { ErrorCode } from '../../../shared/domain/errors.ts';
import type { Endpoint } from '../../../shared/domain/requests/request.ts';
import type {
  CompletionProvider,
  ProviderCall,
} from '../../../shared/ports/completion-provider.ts';
import { type Simulator, startSimulator } from '../../../simulator/server.ts';

export interface ProviderUnderTest {
  readonly title: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly apiKey: string;
  /** Limits the dialect's headers state when requests and tokens are limited. */
  readonly dimensions: readonly Dimension[];
  /** Whether the simulator lists models on the dialect's route. */
  readonly canProbe: boolean;
  create(url: string, overrides: { apiKey?: string; totalMs?: number }): CompletionProvider;
}

const LIMITS = { requestsPerMinute: 60_000, tokensPerMinute: 6_000_000 };
const SPLIT_LIMITS = { inputTokensPerMinute: 3_000_000, outputTokensPerMinute: 600_000 };

export function describeCompletionProvider(subject: ProviderUnderTest): void {
  describe(subject.title, () => {
    let simulator: Simulator;
    let provider: CompletionProvider;

    beforeAll(async () => {
      simulator = await startSimulator({
        apiKeys: [subject.apiKey],
        latency: { minMs: 1, maxMs: 2 },
      });
    });
    afterAll(async () => {
      await provider.close();
      await simulator.close();
    });
    beforeEach(async () => {
      await provider?.close();
      simulator.reset();
      simulator.configure({ faults: [], limits: { ...LIMITS, ...SPLIT_LIMITS } });
      provider = subject.create(simulator.url, {});
    });

    const callWith = (changes: Partial<ProviderCall> = {}): ProviderCall => ({
      requestId: 'request-1',
      endpoint: subject.endpoint,
      model: subject.model,
      body: subject.body,
      lane: 'live',
      markSharedPrefix: false,
      ...changes,
    });
    const run = (changes: Partial<ProviderCall> = {}): Promise<ProviderOutcome> =>
      provider.call(callWith(changes), new AbortController().signal);

    it('hands back the answer, what it cost, and where the limits stand', async () => {
      const outcome = await run();
      if (outcome.kind !== 'answered') throw new Error(outcome.message);
      expect(outcome.statusCode).toBe(200);
      expect(outcome.requestId).not.toBe('');
      expect(outcome.bodyJson).not.toMatch(/[\r\n]/);
      expect(JSON.parse(outcome.bodyJson)).toBeTypeOf('object');
      expect(outcome.usage.inputTokens).toBeGreaterThan(0);
      const { input, output } = simulator.stats().tokens;
      expect(outcome.usage.inputTokens).toBe(input);
      expect(outcome.usage.outputTokens).toBe(output);
      expect(Object.keys(outcome.signals.windows).sort()).toEqual([...subject.dimensions].sort());
      expect(outcome.signals.windows.requests?.limit).toBe(LIMITS.requestsPerMinute);
    });

    it('leaves the body as it was', async () => {
      const body = deepFreeze(structuredClone(subject.body));
      const outcome = await run({ body, markSharedPrefix: true });
      expect(outcome.kind).toBe('answered');
      expect(body).toEqual(subject.body);
    });

    it('runs no stream, and says so without a call', async () => {
      const outcome = await run({ body: { ...subject.body, stream: true } });
      expect(outcome).toMatchObject({ kind: 'failed', code: 'invalid_request', statusCode: 0 });
      expect(simulator.stats().received).toBe(0);
    });

    const failures: [fault: string, code: ErrorCode, isAmbiguous: boolean][] = [
      ['http401', 'provider_auth_failed', false],
      ['http429=7s', 'provider_throttled', false],
      ['http429_bare', 'provider_throttled', false],
      ['quota', 'provider_quota_spent', false],
      ['slow_down', 'provider_throttled', false],
      ['http500', 'provider_error', false],
      ['http503', 'provider_overloaded', false],
      ['http504', 'provider_timeout', true],
      ['http529', 'provider_overloaded', false],
      ['reset_before', 'provider_error', true],
      ['reset_after', 'provider_error', true],
      ['html', 'provider_malformed', true],
      ['truncated', 'provider_malformed', true],
      ['malformed_json', 'provider_malformed', true],
      ['empty', 'provider_malformed', true],
    ];
    it.each(failures)('calls %s %s, once', async (faults, code, isAmbiguous) => {
      simulator.configure({ faults });
      const outcome = await run();
      expect(outcome).toMatchObject({ kind: 'failed', code, isAmbiguous });
      expect(simulator.stats().received).toBe(1);
    });

    it('says how long a refusal wants it to wait, and does not wait itself', async () => {
      simulator.configure({ faults: 'http429=7s' });
      const outcome = await run();
      expect(outcome.signals.retryAfterMs).toBe(7_000);
    });

    it('names the limit that refused', async () => {
      simulator.configure({ limits: { requestsPerMinute: 1 } });
      await run();
      const outcome = await run();
      expect(outcome).toMatchObject({ code: 'provider_throttled', throttledBy: 'requests' });
    });

    it('takes an answer that trickles in', async () => {
      simulator.configure({ faults: 'dribble=50ms' });
      expect((await run()).kind).toBe('answered');
    });

    it('ends a call on abort, one that has begun and one that has not', async () => {
      simulator.configure({ faults: 'hang=30s' });
      const controller = new AbortController();
      const pending = provider.call(callWith(), controller.signal);
      setTimeout(() => controller.abort(), 30);
      const expected = { kind: 'failed', code: 'provider_timeout', isAmbiguous: true };
      expect(await pending).toMatchObject(expected);
      expect(await provider.call(callWith(), controller.signal)).toMatchObject(expected);
    });

    it('ends a call when its time is over', async () => {
      simulator.configure({ faults: 'hang=30s' });
      const hasty = subject.create(simulator.url, { totalMs: 40 });
      const outcome = await hasty.call(callWith(), new AbortController().signal);
      await hasty.close();
      expect(outcome).toMatchObject({ code: 'provider_timeout', isAmbiguous: true, statusCode: 0 });
    });

    it('tells a provider that is not there from one that hung up', async () => {
      const nowhere = subject.create('http://127.0.0.1:1', {});
      const outcome = await nowhere.call(callWith(), new AbortController().signal);
      await nowhere.close();
      expect(outcome).toMatchObject({ code: 'provider_unreachable', isAmbiguous: false });
    });

    it('still answers, with a failure, once it is closed', async () => {
      const closed = subject.create(simulator.url, {});
      await closed.close();
      const outcome = await closed.call(callWith(), new AbortController().signal);
      expect(outcome.kind).toBe('failed');
    });

    it('never shows the key', async () => {
      const apiKey = 'sk-wrong-and-secret-0123456789';
      const stranger = subject.create(simulator.url, { apiKey });
      const signal = new AbortController().signal;
      const seen = [await stranger.call(callWith(), signal), await stranger.probe(signal)];
      await stranger.close();
      expect(JSON.stringify(seen)).not.toContain('secret');
      expect(seen[0]).toMatchObject({ code: 'provider_auth_failed' });
    });

    if (subject.canProbe) {
      it('probes address and key', async () => {
        const signal = new AbortController().signal;
        const good = await provider.probe(signal);
        expect(good).toMatchObject({ isReachable: true, isAuthorized: true });
        expect(good.models.length).toBeGreaterThan(0);
        expect(Math.abs(good.clockSkewMs ?? Infinity)).toBeLessThan(5_000);
        expect(simulator.stats().billed).toBe(0);

        const stranger = subject.create(simulator.url, { apiKey: 'sk-wrong-and-secret-0123' });
        const refused = await stranger.probe(signal);
        await stranger.close();
        expect(refused).toMatchObject({ isReachable: true, isAuthorized: false, models: [] });
      });
    }

    it('probes an address where nobody is', async () => {
      const nowhere = subject.create('http://127.0.0.1:1', {});
      const probe = await nowhere.probe(new AbortController().signal);
      await nowhere.close();
      expect(probe).toMatchObject({ isReachable: false, isAuthorized: false, clockSkewMs: null });
      expect(probe.detail).toContain('baseUrl');
    });
  });
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
