/** A result line as the callers of the API see it: the provider's own answer, byte for byte. */

import * as z from 'zod';

/** What came of a request, as its result line carries it. */
export interface StoredAnswer {
  /** HTTP status of the provider's answer; 0 when none came. */
  readonly statusCode: number;
  /** The provider's name for the call; empty when none came. */
  readonly providerRequestId: string;
  /** The provider's body, exactly as it was received; `null` when there was none. */
  readonly bodyJson: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const lineSchema = z.object({
  id: z.string(),
  custom_id: z.string().nullable(),
  response: z.object({ status_code: z.number(), request_id: z.string() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

/** Ends the body in a line of ours. After it no string can hold these characters unescaped. */
const BODY_END = '},"error":';

/** The answer in a line that `encodeResultLine` wrote, or `null` when it is not such a line. */
export function readStoredAnswer(line: string): StoredAnswer | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) return null;
  const { id, custom_id: customId, response, error } = parsed.data;
  if (response === null) return { statusCode: 0, providerRequestId: '', bodyJson: null, error };
  const { status_code: statusCode, request_id: providerRequestId } = response;
  // Cut out, not parsed and written again: numbers keep their spelling.
  const start = `{"id":${JSON.stringify(id)},"custom_id":${JSON.stringify(customId)},"response":{"status_code":${statusCode},"request_id":${JSON.stringify(providerRequestId)},"body":`;
  const end = line.lastIndexOf(BODY_END);
  if (!line.startsWith(start) || end < start.length) return null;
  return { statusCode, providerRequestId, bodyJson: line.slice(start.length, end), error };
}
