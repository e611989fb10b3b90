/**
 * Which of our error codes a provider's error is: by the provider's code first, by status only
 * where there is none. One status can mean opposite things: a 429 may ask for patience, for money,
 * or for a smaller request.
 *
 * Rules that stop a whole provider never look into a message, except at its very beginning: some
 * errors quote the request, and a caller must not be able to stop the provider for everybody.
 */

import type { ProviderFailure } from '../../domain/capacity/provider-outcome.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Lane } from '../../domain/lanes/lane.ts';
import { type ErrorFacts, readErrorFacts } from './error-facts.ts';
import { parseDurationMs } from './rate-signals.ts';

export interface ErrorAnswer {
  readonly statusCode: number;
  /** The parsed body; `undefined` when it was not JSON. */
  readonly body: unknown;
  readonly lane: Lane;
  /** As the provider knows it. */
  readonly model: string;
}

export interface Classification {
  readonly code: ErrorCode;
  readonly throttledBy: ProviderFailure['throttledBy'];
  /** In the provider's words; `null` when it has none. */
  readonly message: string | null;
  readonly isAmbiguous: boolean;
  /** From the message, for want of a header. Unit: ms. */
  readonly retryAfterMs: number | null;
}

const QUOTA_CODES = [
  'insufficient_quota',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
  'billing_hard_limit_reached',
  'billing_not_active',
  'billing_error',
  'enforced_spend_limit_reached',
];
/** Anthropic and Azure report spent money without a code, as an invalid or forbidden request. */
const QUOTA_OPENINGS =
  /^(?:you exceeded your current quota, please check your plan|your credit balance is too low|you have reached your specified (?:api|workspace) usage limits|out of call volume quota)/i;

const CONTENT_CODES = [
  'content_filter',
  'content_policy_violation',
  'image_content_policy_violation',
  'moderation_blocked',
  'responsibleaipolicyviolation',
  'invalid_prompt',
];
const CONTENT_MESSAGE = /content (?:management|filtering) policy|usage policy/i;

const CONTEXT_CODES = [
  'context_length_exceeded',
  'context_window_exceeded',
  'model_context_window_exceeded',
];
const CONTEXT_MESSAGE =
  /maximum context length|prompt is too long|exceeds? (?:the )?(?:context limit|context window|model'?s? (?:maximum )?context)/i;

/** Classifies an answer that is an error by its status, or under a status of success by its body. */
export function classifyError(answer: ErrorAnswer): Classification {
  const facts = readErrorFacts(answer.body);
  const isSuccess = answer.statusCode >= 200 && answer.statusCode < 300;
  const statusCode = isSuccess ? statusMeant(facts) : answer.statusCode;
  const code = codeOf({ ...answer, statusCode }, facts);
  const isThrottled = code === 'provider_throttled';
  return {
    code,
    throttledBy: isThrottled ? throttledBy(facts) : null,
    message: facts.message,
    isAmbiguous: code === 'provider_timeout',
    retryAfterMs: isThrottled ? waitInMessage(facts.message) : null,
  };
}

/** The status that an error sent under 200 would have had. */
function statusMeant({ codes }: ErrorFacts): number {
  for (const code of codes) {
    if (/^[45]\d\d$/.test(code)) return Number(code);
    if (/^invalid_|image|unsupported/.test(code)) return 400;
  }
  return 500;
}

function codeOf({ statusCode, lane, model }: ErrorAnswer, facts: ErrorFacts): ErrorCode {
  const { message } = facts;
  const says = (pattern: RegExp): boolean => message !== null && pattern.test(message);
  if (statusCode === 402 || has(facts, QUOTA_CODES)) return 'provider_quota_spent';
  // Gemini says the same words, with a code of its own, when a limit per minute is reached.
  const canMeanQuota = statusCode === 400 || statusCode === 403 || statusCode === 429;
  if (canMeanQuota && says(QUOTA_OPENINGS) && !has(facts, ['resource_exhausted'])) {
    return 'provider_quota_spent';
  }
  if (lane === 'flex' && isFlexRefusal(statusCode, facts)) return 'lane_unavailable';
  if (has(facts, ['slow_down'])) return 'provider_throttled';
  if (statusCode === 429 || has(facts, ['rate_limit_exceeded', 'rate_limit_error'])) {
    return isLargerThanLimit(message) ? 'exceeds_rate_limit' : 'provider_throttled';
  }
  if (statusCode === 401 || has(facts, ['invalid_api_key', 'authentication_error'])) {
    return 'provider_auth_failed';
  }
  if (statusCode >= 400 && statusCode < 500) {
    if (has(facts, CONTEXT_CODES)) return 'context_length_exceeded';
    if (has(facts, CONTENT_CODES)) return 'content_filtered';
  }
  if (statusCode === 400 || statusCode === 403) {
    if (says(CONTEXT_MESSAGE)) return 'context_length_exceeded';
    if (says(CONTENT_MESSAGE)) return 'content_filtered';
  }
  if (has(facts, ['overloaded_error', 'server_is_overloaded'])) return 'provider_overloaded';
  if (statusCode === 403) {
    const isAboutModel = has(facts, ['model_not_found']) || message?.includes(model) === true;
    return isAboutModel ? 'provider_rejected' : 'provider_auth_failed';
  }
  return STATUS_CODES[statusCode] ?? byRange(statusCode);
}

/** Statuses that speak for themselves. 498 is Groq's, 520 to 524 Cloudflare's, 529 Anthropic's. */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  408: 'provider_timeout',
  409: 'provider_error',
  413: 'payload_too_large',
  425: 'provider_error',
  498: 'provider_overloaded',
  503: 'provider_overloaded',
  504: 'provider_timeout',
  524: 'provider_timeout',
  529: 'provider_overloaded',
};

function byRange(statusCode: number): ErrorCode {
  return statusCode >= 400 && statusCode < 500 ? 'provider_rejected' : 'provider_error';
}

/** No capacity in the discounted tier, or none for this model: the ordinary one will do. */
function isFlexRefusal(statusCode: number, facts: ErrorFacts): boolean {
  if (has(facts, ['resource_unavailable', 'capacity_exceeded']) || statusCode === 498) return true;
  if (statusCode === 429) return /resource[_ ]unavailable/i.test(facts.message ?? '');
  return statusCode === 400 && facts.param === 'service_tier';
}

/** True when the request alone is more than the limit holds, so that no wait helps. */
function isLargerThanLimit(message: string | null): boolean {
  if (message === null) return false;
  if (/request too large/i.test(message)) return true;
  const [, limit, requested] =
    /\blimit:? ([\d,]+)\b.{0,80}?\brequested:? ([\d,]+)/i.exec(message) ?? [];
  if (limit === undefined || requested === undefined) return false;
  return asCount(requested) > asCount(limit);
}

function asCount(digits: string): number {
  return Number(digits.replaceAll(',', ''));
}

function throttledBy({ codes, message }: ErrorFacts): ProviderFailure['throttledBy'] {
  const text = message ?? '';
  if (/concurren/i.test(text)) return 'concurrency';
  if (/input[ -]tokens?\b/i.test(text)) return 'inputTokens';
  if (/output[ -]tokens?\b/i.test(text)) return 'outputTokens';
  if (codes.has('tokens') || /\btokens? (?:per|rate)\b/i.test(text)) return 'totalTokens';
  if (
    codes.has('requests') ||
    /\brequests? per\b|\bcall rate\b|\bnumber of requests\b/i.test(text)
  ) {
    return 'requests';
  }
  return null;
}

function waitInMessage(message: string | null): number | null {
  const found = /\b(?:try again in|retry after) (\d[\d.hms]*)( seconds?)?/i.exec(message ?? '');
  const [, amount = '', unit] = found ?? [];
  const waitMs = parseDurationMs(unit === undefined ? amount.replace(/\.$/, '') : `${amount}s`);
  return waitMs === undefined || waitMs <= 0 ? null : Math.min(Math.ceil(waitMs), 3_600_000);
}

function has({ codes }: ErrorFacts, wanted: readonly string[]): boolean {
  return wanted.some((code) => codes.has(code));
}
