/**
 * Every way Penstock can refuse or fail, in one table.
 *
 * A code decides three things: the HTTP status an edge answers with, what happens to the work,
 * and whether a person must act. The status lives in `shared/contracts/problem.ts`; the domain
 * only knows codes.
 */

/** What happens to a request whose call or validation ended with the code. */
export type Disposition =
  /** The caller must change something; never tried again. */
  | 'give_up'
  /** Not started; tried later, no attempt counted. */
  | 'defer'
  /** An attempt failed; tried again within the retry budget. */
  | 'retry'
  /** The provider is unusable until a person acts; its requests are held. */
  | 'stop_provider'
  /** Another owner has the work; drop ours silently. */
  | 'drop';

export const ERROR_DISPOSITIONS = {
  invalid_request: 'give_up',
  invalid_configuration: 'give_up',
  unknown_model: 'give_up',
  unsupported_endpoint: 'give_up',
  duplicate_custom_id: 'give_up',
  payload_too_large: 'give_up',
  context_length_exceeded: 'give_up',
  exceeds_rate_limit: 'give_up',
  idempotency_conflict: 'give_up',
  budget_exceeded: 'give_up',
  unauthenticated: 'give_up',
  forbidden: 'give_up',
  signature_refused: 'give_up',
  not_found: 'give_up',
  result_expired: 'give_up',
  not_cancellable: 'give_up',
  content_filtered: 'give_up',
  provider_rejected: 'give_up',
  attempts_exhausted: 'give_up',
  cancelled: 'give_up',
  deadline_exceeded: 'give_up',
  output_conflict: 'give_up',
  state_conflict: 'give_up',
  state_locked: 'give_up',
  storage_full: 'give_up',
  file_not_found: 'give_up',
  empty_input: 'give_up',
  server_unreachable: 'give_up',
  capacity_exhausted: 'defer',
  provider_throttled: 'defer',
  lane_unavailable: 'defer',
  provider_overloaded: 'retry',
  provider_timeout: 'retry',
  provider_unreachable: 'retry',
  provider_malformed: 'retry',
  provider_error: 'retry',
  provider_auth_failed: 'stop_provider',
  provider_quota_spent: 'stop_provider',
  lease_lost: 'drop',
  internal: 'retry',
} as const satisfies Record<string, Disposition>;

export type ErrorCode = keyof typeof ERROR_DISPOSITIONS;

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Machine-readable evidence, safe to show: never a prompt, an answer or a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class the project throws on purpose. Anything else is a bug. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get disposition(): Disposition {
    return ERROR_DISPOSITIONS[this.code];
  }
}
