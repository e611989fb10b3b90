import type { Call } from '../../../simulator/call.ts';

/** A call of no particular dialect. */
export function fakeCall(parts: Partial<Call>): Call {
  return {
    model: 'm',
    segments: [],
    promptTokens: 100,
    estimateTokens: 100,
    maxOutputTokens: undefined,
    choices: 1,
    tier: 'default',
    format: { kind: 'text' },
    metadataKey: undefined,
    userKey: undefined,
    caching: 'none',
    contentType: 'application/json',
    render: () => '',
    ...parts,
  };
}
