import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  toAnthropicError,
  toOpenAiError,
  vendorStatusOf,
} from '../../../shared/contracts/openai-error.ts';
import {
  ERROR_PRESENTATIONS,
  fieldError,
  problemSchema,
  toProblem,
} from '../../../shared/contracts/problem.ts';
import { AppError, ERROR_DISPOSITIONS, type ErrorCode } from '../../../shared/domain/errors.ts';

const ERRORS_PAGE = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

const CODES = Object.keys(ERROR_DISPOSITIONS).filter(isErrorCode);

function isErrorCode(name: string): name is ErrorCode {
  return name in ERROR_DISPOSITIONS;
}

const WORDS = {
  give_up: 'gives up',
  defer: 'waits',
  retry: 'tries again',
  stop_provider: 'holds the provider',
  drop: 'dropped',
};

describe('docs/errors.md', () => {
  it('has a section for each code, and no other', () => {
    const sections = [...ERRORS_PAGE.matchAll(/^### (.+)$/gm)].map(([, title]) => title);
    expect(sections.toSorted()).toEqual(CODES.toSorted());
  });

  it.each(CODES)('says of %s what the code does', (code) => {
    const [, section = ''] = ERRORS_PAGE.split(`### ${code}\n`);
    const [facts = '', ...text] = section.split('\n##')[0]?.trim().split('\n') ?? [];
    const { status } = ERROR_PRESENTATIONS[code];
    expect(facts).toMatch(
      new RegExp(`^HTTP ${status}\\. Then: ${WORDS[ERROR_DISPOSITIONS[code]]}`),
    );
    expect(text.join(' ').length).toBeGreaterThan(40);
  });
});

describe('a problem', () => {
  it('names the code, the page, the fields and whether to try again', () => {
    const error = fieldError('invalid_request', '/body/model', 'is missing');
    expect(problemSchema.parse(toProblem(error, { instance: 'call_1' }))).toEqual({
      type: '/docs/errors.md#invalid_request',
      title: 'The request is not valid',
      status: 400,
      detail: '/body/model: is missing',
      instance: 'call_1',
      code: 'invalid_request',
      retryable: false,
      errors: [{ pointer: '/body/model', message: 'is missing' }],
    });
    expect(toProblem(new AppError('provider_overloaded', 'x')).retryable).toBe(true);
    expect(toProblem(new AppError('provider_quota_spent', 'x')).retryable).toBe(false);
  });

  it('never shows what happened inside', () => {
    const error = new AppError('storage_full', 'Cannot write /secret/path');
    for (const shown of [toProblem(error), toOpenAiError(error), toAnthropicError(error)]) {
      expect(JSON.stringify(shown)).not.toContain('secret');
    }
  });
});

describe("the vendors' shapes", () => {
  it('are what the official SDKs parse', () => {
    const error = fieldError('unknown_model', '/model', 'model "x" is not configured');
    expect(vendorStatusOf(error)).toBe(404);
    expect(toOpenAiError(error)).toEqual({
      error: {
        message: '/model: model "x" is not configured',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
    expect(toAnthropicError(error, { instance: 'call_1' })).toEqual({
      type: 'error',
      error: { type: 'not_found_error', message: '/model: model "x" is not configured' },
      request_id: 'call_1',
    });
  });

  it.each([
    ['unauthenticated', 'invalid_request_error', 'authentication_error'],
    ['forbidden', 'invalid_request_error', 'permission_error'],
    ['payload_too_large', 'invalid_request_error', 'request_too_large'],
    ['capacity_exhausted', 'rate_limit_error', 'rate_limit_error'],
    ['idempotency_conflict', 'invalid_request_error', 'invalid_request_error'],
    ['internal', 'server_error', 'api_error'],
  ] as const)('call %s by their own types', (code, openAi, anthropic) => {
    const error = new AppError(code, 'x');
    expect(toOpenAiError(error).error.type).toBe(openAi);
    expect(toAnthropicError(error).error.type).toBe(anthropic);
  });
});
