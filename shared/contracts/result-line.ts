/**
 * The output line: OpenAI's batch output format, with what Penstock knows under `x_penstock`.
 * It carries everything a store needs, so that a line found after a crash can be adopted.
 */

import * as z from 'zod';
import { LANES } from '../domain/lanes/lane.ts';
import type { PayloadPointer, RequestOutcome } from '../domain/requests/request.ts';

export interface ResultLineContent {
  readonly outcome: Omit<RequestOutcome, 'result'>;
  readonly customId: string | null;
  readonly requestId: string;
  /** The provider's body as one line of JSON; `null` when there was none. */
  readonly bodyJson: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const usageSchema = z.object({
  inputTokens: z.number(),
  cachedInputTokens: z.number(),
  cacheWriteTokens: z.number(),
  cacheWrite1hTokens: z.number(),
  outputTokens: z.number(),
});

const penstockSchema = z.object({
  id: z.string(),
  tenant: z.string(),
  status: z.enum(['succeeded', 'failed', 'cancelled', 'expired']),
  error_code: z.string().nullable(),
  lane: z.enum(LANES),
  provider: z.string(),
  attempts: z.number(),
  first_attempt_at_ms: z.number().nullable(),
  finished_at_ms: z.number(),
  cost_micro_usd: z.number(),
  usage: usageSchema,
});

const lineSchema = z.object({
  custom_id: z.string().nullable(),
  response: z.object({ status_code: z.number() }).nullable(),
  x_penstock: penstockSchema,
});

/** One line of output, without the line break. `bodyJson` goes in as it is, byte for byte. */
export function encodeResultLine({
  outcome,
  customId,
  requestId,
  bodyJson,
  error,
}: ResultLineContent): string {
  const response =
    bodyJson === null
      ? 'null'
      : `{"status_code":${outcome.statusCode},"request_id":${JSON.stringify(requestId)},"body":${bodyJson}}`;
  const penstock: z.infer<typeof penstockSchema> = {
    id: outcome.id,
    tenant: outcome.tenant,
    status: outcome.status,
    error_code: outcome.errorCode,
    lane: outcome.lane,
    provider: outcome.provider,
    attempts: outcome.attempts,
    first_attempt_at_ms: outcome.firstAttemptAtMs,
    finished_at_ms: outcome.finishedAtMs,
    cost_micro_usd: outcome.costMicroUsd,
    usage: outcome.usage,
  };
  return `{"id":${JSON.stringify(`batch_req_${outcome.id}`)},"custom_id":${JSON.stringify(customId)},"response":${response},"error":${JSON.stringify(error)},"x_penstock":${JSON.stringify(penstock)}}`;
}

/** The outcome a line carries, or `null` when it is not a whole line of ours. */
export function decodeResultLine(
  line: string,
  result: PayloadPointer,
): { outcome: RequestOutcome; customId: string | null } | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) return null;
  const { x_penstock: own, response, custom_id: customId } = parsed.data;
  return {
    customId,
    outcome: {
      id: own.id,
      tenant: own.tenant,
      status: own.status,
      statusCode: response?.status_code ?? 0,
      errorCode: own.error_code,
      lane: own.lane,
      provider: own.provider,
      usage: own.usage,
      costMicroUsd: own.cost_micro_usd,
      attempts: own.attempts,
      firstAttemptAtMs: own.first_attempt_at_ms,
      finishedAtMs: own.finished_at_ms,
      result,
    },
  };
}
