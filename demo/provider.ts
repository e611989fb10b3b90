import type { SimulatorOptions } from '../simulator/server.ts';

/** What the demo's account may use: some hundred tickets keep it busy for ten seconds. */
export const DEMO_LIMITS = { requestsPerMinute: 5_000, tokensPerMinute: 2_000_000 };

/** A provider with these limits in buckets 6 s deep, and latencies as measured with small models. */
export const DEMO_PROVIDER: SimulatorOptions = {
  limits: { ...DEMO_LIMITS, depthSeconds: 6, charge: 'sum', refusalCostsRequest: true },
  latency: { p50Ms: 800, p95Ms: 1_770 },
  // Real ones take minutes to hours; whoever tries it out has not got them.
  batches: { turnaround: { minMs: 5_000, maxMs: 10_000 } },
};
