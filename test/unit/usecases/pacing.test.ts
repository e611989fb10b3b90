/**
 * The promise the product stands on: the provider's limit is used up, and never overrun. Minutes
 * of a provider with real limits and latencies run in virtual time.
 */

import { describe, expect, it } from 'vitest';
import type { ModelSettings } from '../../../shared/domain/capacity/model-limits.ts';
import type { Dimension, LimitSettings } from '../../../simulator/limits.ts';
import {
  modelSettings,
  runVirtually,
  seededRandom,
  type VirtualSetUp,
  workload,
} from '../../support/virtual-run.ts';

const REQUESTS = workload(3_000);
/** Binds at 1,430 tokens a request: about 48 calls a second. */
const TOKENS_PER_MINUTE = 4_000_000;

interface Scenario {
  readonly name: string;
  readonly binding: Dimension;
  readonly limits: LimitSettings;
  readonly settings: ModelSettings;
  readonly provider?: Omit<VirtualSetUp['provider'], 'limits'>;
  /** Share of calls that may be refused. */
  readonly refused: number;
}

function byTotal(depthSeconds: number, declared = TOKENS_PER_MINUTE): Omit<Scenario, 'name'> {
  return {
    binding: 'totalTokens',
    limits: {
      requestsPerMinute: 12_000,
      tokensPerMinute: TOKENS_PER_MINUTE,
      depthSeconds,
      refusalCostsRequest: true,
    },
    settings: modelSettings({ perMinute: { requests: 12_000, totalTokens: declared } }),
    refused: 0.001,
  };
}

function asProduced(
  binding: 'inputTokens' | 'outputTokens',
  depthSeconds: number,
): Omit<Scenario, 'name'> {
  const inputTokensPerMinute = binding === 'inputTokens' ? 4_000_000 : 80_000_000;
  const outputTokensPerMinute = binding === 'outputTokens' ? 280_000 : 8_000_000;
  return {
    binding,
    limits: {
      requestsPerMinute: 12_000,
      inputTokensPerMinute,
      outputTokensPerMinute,
      depthSeconds,
    },
    settings: modelSettings(
      {
        perMinute: {
          requests: 12_000,
          inputTokens: inputTokensPerMinute,
          outputTokens: outputTokensPerMinute,
        },
      },
      { charging: 'as_produced' },
    ),
    provider: { chargesOutputLater: true },
    refused: 0.001,
  };
}

const SCENARIOS: readonly Scenario[] = [
  ...[1, 6].flatMap((depth): Scenario[] => [
    { name: `total tokens, ${depth} s deep`, ...byTotal(depth) },
    { name: `input tokens, ${depth} s deep`, ...asProduced('inputTokens', depth) },
    { name: `output tokens, ${depth} s deep`, ...asProduced('outputTokens', depth) },
    {
      name: `requests, ${depth} s deep`,
      binding: 'requests',
      limits: { requestsPerMinute: 3_000, tokensPerMinute: 80_000_000, depthSeconds: depth },
      settings: modelSettings({ perMinute: { requests: 3_000, totalTokens: 80_000_000 } }),
      refused: 0.001,
    },
    {
      name: `declared 20 % too high, ${depth} s deep`,
      ...byTotal(depth, TOKENS_PER_MINUTE * 1.2),
      refused: 0.01,
    },
    {
      name: `counted 20 % denser, ${depth} s deep`,
      ...byTotal(depth),
      provider: { charge: 1.2 },
      refused: 0.01,
    },
    {
      name: `levels told when the answer leaves, ${depth} s deep`,
      ...byTotal(depth),
      provider: { headersAt: 'answer' },
    },
  ]),
  {
    name: 'total tokens, 60 s deep',
    ...byTotal(60, 1_400_000),
    limits: { ...byTotal(60).limits, tokensPerMinute: 1_400_000 },
  },
  {
    name: 'declared 20 % too high, and no headers to tell',
    ...byTotal(1, TOKENS_PER_MINUTE * 1.2),
    provider: { hasHeaders: false },
    refused: 0.01,
  },
  {
    name: 'nothing declared, learnt from headers',
    ...byTotal(6),
    settings: modelSettings({ perMinute: {} }),
    refused: 0.002,
  },
];

describe.each(SCENARIOS)('bound by $name', ({ binding, limits, settings, provider, refused }) => {
  it('uses at least 97 % of the limit, with hardly a refusal, and loses nothing', async () => {
    const run = await runVirtually({
      requests: REQUESTS,
      settings,
      provider: { ...provider, limits },
    });
    expect(run.utilization(binding)).toBeGreaterThan(0.97);
    expect(run.books.refused / run.books.sent).toBeLessThanOrEqual(refused);
    expect(run.books.servedIds.size).toBe(REQUESTS.length);
    expect(run.books.served).toBe(REQUESTS.length);
    expect(run.published).toHaveLength(REQUESTS.length);
  });
});

describe('without headers', () => {
  it('keeps to the declared rate from a bucket it assumes to be shallow', async () => {
    const { limits, settings } = byTotal(6);
    const run = await runVirtually({
      requests: REQUESTS,
      settings,
      provider: { limits, hasHeaders: false },
    });
    expect(run.books.refused).toBe(0);
    // 4.28 M tokens at 4 M a minute are 64 s, and the last answers take a few more.
    expect(run.elapsedMs).toBeLessThan(72_000);
  });
});

describe('a limit that nobody states', () => {
  const HIDDEN: readonly (readonly [
    string,
    LimitSettings,
    Omit<VirtualSetUp['provider'], 'limits'>,
  ])[] = [
    ['requests, named in refusals', { requestsPerMinute: 3_000 }, { hasHeaders: false }],
    ['requests, named nowhere', { requestsPerMinute: 3_000 }, { hasHeaders: false, isTerse: true }],
    ['tokens, named nowhere', { tokensPerMinute: 4_000_000 }, { hasHeaders: false, isTerse: true }],
    [
      'tokens, beside requests in the headers',
      { requestsPerMinute: 12_000, tokensPerMinute: 4_000_000 },
      { shownLimits: ['requests'] },
    ],
    [
      'tokens, beside requests in the headers, named nowhere',
      { requestsPerMinute: 12_000, tokensPerMinute: 4_000_000 },
      { shownLimits: ['requests'], isTerse: true },
    ],
  ];

  it.each(HIDDEN)('%s: is found from refusals, and then kept to', async (_, limits, provider) => {
    const run = await runVirtually({
      requests: workload(6_000),
      settings: modelSettings({ perMinute: {} }),
      provider: { ...provider, limits: { ...limits, depthSeconds: 6 } },
    });
    const binding = limits.tokensPerMinute === undefined ? 'requests' : 'totalTokens';
    expect(run.utilization(binding)).toBeGreaterThan(0.97);
    expect(run.books.refused / run.books.sent).toBeLessThan(0.05);
    expect(run.books.duringRetryAfter).toBeLessThanOrEqual(run.books.refused);
    expect([...run.books.servedIds.values()].every((times) => times === 1)).toBe(true);
    expect(run.published).toHaveLength(6_000);
  });
});

/** Several workers, each far from the store: what they share is old when they read it. */
describe('several workers on one limit', () => {
  const requests = workload(9_000);
  const storeMs = 8;

  it.each([
    { workers: 2, depthSeconds: 6, refused: 0.001 },
    { workers: 8, depthSeconds: 1, refused: 0.001 },
    { workers: 8, depthSeconds: 6, refused: 0.001 },
    { workers: 8, depthSeconds: 60, refused: 0.001 },
    { workers: 8, depthSeconds: 6, charge: 1.2, refused: 0.001 },
    { workers: 8, depthSeconds: 1, charge: 1.2, refused: 0.01 },
    { workers: 8, depthSeconds: 6, headersAt: 'answer' as const, refused: 0.001 },
    { workers: 8, depthSeconds: 1, hasHeaders: false, refused: 0 },
  ])('%o use it up and are hardly refused', async ({ workers, depthSeconds, refused, ...rest }) => {
    const tokensPerMinute = depthSeconds === 60 ? 6_000_000 : 12_000_000;
    const run = await runVirtually({
      requests,
      settings: modelSettings({
        perMinute: { requests: 24_000, totalTokens: tokensPerMinute },
      }),
      provider: {
        ...rest,
        limits: {
          requestsPerMinute: 24_000,
          tokensPerMinute,
          depthSeconds,
          refusalCostsRequest: true,
        },
      },
      workers,
      storeMs,
    });
    expect(run.utilization('totalTokens')).toBeGreaterThan(0.95);
    expect(run.books.refused / run.books.sent).toBeLessThanOrEqual(refused);
    expect([...run.books.servedIds.values()].every((times) => times === 1)).toBe(true);
    expect(run.books.servedIds.size).toBe(requests.length);
    // One item takes 1,000 writes a second at the very most; we stay far away from it.
    expect(run.capacity.writes / (run.elapsedMs / 1_000)).toBeLessThan(16);
  });

  it.each([1, 6, 60])(
    'are hardly refused, %i s deep, though each is late for half a second at times',
    async (depthSeconds) => {
      const tokensPerMinute = depthSeconds === 60 ? 6_000_000 : 12_000_000;
      const perMinute = { requests: 24_000, totalTokens: tokensPerMinute };
      const random = seededRandom(5);
      const run = await runVirtually({
        requests,
        settings: modelSettings({ perMinute }),
        provider: { limits: { requestsPerMinute: 24_000, tokensPerMinute, depthSeconds } },
        workers: 8,
        storeMs,
        stall: () => (random.next() < 0.02 ? 500 : 0),
      });
      expect(run.utilization('totalTokens')).toBeGreaterThan(0.95);
      expect(run.books.refused / run.books.sent).toBeLessThanOrEqual(0.001);
    },
  );

  it('leave no share behind when they are done', async () => {
    const { limits, settings } = byTotal(6);
    const run = await runVirtually({ requests, settings, provider: { limits }, workers: 4 });
    const state = (await run.capacity.snapshot()).get('m');
    expect(state).toMatchObject({ workers: {}, plans: {} });
  });

  it('keep to a concurrency lower than their number, and the last ones get their turn', async () => {
    const run = await runVirtually({
      requests: requests.slice(0, 2_500),
      settings: modelSettings({ perMinute: {}, concurrency: 2 }),
      provider: { limits: { concurrency: 2 }, latencyP50Ms: 50, latencyP95Ms: 100 },
      workers: 3,
      storeMs,
    });
    expect(run.books.peakInFlight).toBe(2);
    // Only as a worker joins: those before it learn of it with their next purchase.
    expect(run.books.refused / run.books.sent).toBeLessThan(0.01);
    expect(run.books.servedIds.size).toBe(2_500);
  });
});
