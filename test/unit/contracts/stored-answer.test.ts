import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeResultLine } from '../../../shared/contracts/result-line.ts';
import { readStoredAnswer } from '../../../shared/contracts/stored-answer.ts';
import { NO_USAGE } from '../../../shared/domain/cost/usage.ts';

interface Parts {
  readonly bodyJson: string | null;
  readonly customId?: string | null;
  readonly requestId?: string;
  readonly error?: { code: string; message: string } | null;
}

function line({ bodyJson, customId = 'c', requestId = 'p', error = null }: Parts): string {
  return encodeResultLine({
    customId,
    requestId,
    bodyJson,
    error,
    outcome: {
      id: 'req_1',
      tenant: 't',
      status: error === null ? 'succeeded' : 'failed',
      statusCode: 200,
      errorCode: error?.code ?? null,
      lane: 'live',
      provider: 'openai',
      usage: NO_USAGE,
      costMicroUsd: 0,
      attempts: 1,
      firstAttemptAtMs: 0,
      finishedAtMs: 1,
    },
  });
}

describe('a stored answer', () => {
  it("keeps the provider's spelling", () => {
    const bodyJson = '{ "n": 1.0, "big": 12345678901234567890, "x": "\\u00e9\\/" }';
    expect(readStoredAnswer(line({ bodyJson }))).toEqual({
      statusCode: 200,
      providerRequestId: 'p',
      bodyJson,
      error: null,
    });
  });

  it('is found whatever the texts around and within it hold', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('},"error":', '"body":', ',"x_penstock":', '\\"},\\"error\\":'),
    );
    fc.assert(
      fc.property(fc.jsonValue(), text, text, text, (value, customId, requestId, message) => {
        const bodyJson = JSON.stringify({
          value,
          error: null,
          nested: { a: [value], error: message },
        });
        const error = { code: 'provider_rejected', message };
        const written = line({ bodyJson, customId, requestId, error });
        expect(readStoredAnswer(written)).toEqual({
          statusCode: 200,
          providerRequestId: requestId,
          bodyJson,
          error,
        });
      }),
    );
  });

  it('may be none', () => {
    const error = { code: 'provider_timeout', message: 'No answer' };
    expect(readStoredAnswer(line({ bodyJson: null, error }))).toEqual({
      statusCode: 0,
      providerRequestId: '',
      bodyJson: null,
      error,
    });
  });

  it.each(['', '{', '{}', '{"id":"a","custom_id":null,"response":3,"error":null}'])(
    'is not read from %j',
    (text) => {
      expect(readStoredAnswer(text)).toBeNull();
    },
  );
});
