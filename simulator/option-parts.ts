import { z } from 'zod';
import {
  FAULT_PHASES,
  type FaultKind,
  type FaultRule,
  isFaultKind,
  parseFaults,
} from './faults.ts';
import { lognormal, uniform } from './random.ts';

/** Pieces that more than one group of options is made of. */

export const positive = z.number().positive();
export const share = z.number().min(0).max(1);
export const durationMs = z.number().min(0);
export const count = z.number().int().positive();

export const latencySchema = z.union(
  [
    z
      .strictObject({ p50Ms: positive, p95Ms: positive })
      .refine((value) => value.p95Ms >= value.p50Ms, 'p95Ms must not be below p50Ms'),
    z
      .strictObject({ minMs: z.number().min(0), maxMs: z.number().min(0) })
      .refine((value) => value.maxMs >= value.minMs, 'maxMs must not be below minMs'),
  ],
  { error: 'must be {p50Ms, p95Ms} (lognormal) or {minMs, maxMs} (uniform), each pair ascending' },
);

export type Latency = z.output<typeof latencySchema>;

/** Draws a duration; a lognormal one uses the next stream as well. Unit: ms. */
export function drawLatency(latency: Latency, base: number, stream: number): number {
  return 'p50Ms' in latency
    ? lognormal(base, stream, latency.p50Ms, latency.p95Ms)
    : latency.minMs + uniform(base, stream) * (latency.maxMs - latency.minMs);
}

const faultSchema = z.strictObject({
  kind: z.custom<FaultKind>((value) => typeof value === 'string' && isFaultKind(value), {
    error: `must be one of ${Object.keys(FAULT_PHASES).join(', ')}`,
  }),
  probability: share.optional(),
  fromMs: durationMs.optional(),
  untilMs: positive.optional(),
  attempts: count.optional(),
  durationMs: durationMs.optional(),
  model: z.string().optional(),
  operation: z.string().optional(),
});

export const faultsSchema = z
  .union([z.string(), z.array(faultSchema)], {
    error: 'must be a text such as "http500:0.02" or a list of rules',
  })
  .transform((faults, context): readonly FaultRule[] => {
    if (typeof faults !== 'string') return faults;
    try {
      return parseFaults(faults);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
