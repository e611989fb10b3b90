import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

const MOST_ATTEMPTS = 6;
/** Mean wait before the second attempt after a fault; doubles with each. Unit: ms. */
const FAULT_DELAY_MS = 25;
/** The same after a throttle, which only time heals. Unit: ms. */
const THROTTLE_DELAY_MS = 100;
/** Unit: ms. */
const LONGEST_DELAY_MS = 2_000;
/** When a caller should come back whom throttling has outlasted. Unit: ms. */
const RETRY_AFTER_MS = 2_000;

const THROTTLES = new Set([
  'LimitExceededException',
  'OverLimit',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

/** Names of errors, and codes of sockets, after which the same call may succeed. */
const FAULTS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'InternalError',
  'NetworkingError',
  'RequestTimeout',
  'TimeoutError',
]);

/** Why a transaction was cancelled that may succeed when it is sent again. */
const PASSING_REASONS = new Set([
  'ProvisionedThroughputExceeded',
  'ThrottlingError',
  'TransactionConflict',
]);

/** Makes a call of an AWS client, again where that may help. `service` names it in errors. */
export type CallAws = <Value>(service: string, call: () => Promise<Value>) => Promise<Value>;

/**
 * The one home of retries of AWS calls: throttles, faults of the service and lost connections are
 * tried again, with full jitter. A call may so take effect although its first answer was lost:
 * pass only calls that may be repeated, or that recognise their own effect.
 *
 * @throws {AppError} `capacity_exhausted` when a throttle outlasts the attempts.
 */
export function createAwsCaller({ clock, random }: { clock: Clock; random: Random }): CallAws {
  return async (service, call) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        const isThrottle = isThrottled(error);
        if (attempt === MOST_ATTEMPTS && isThrottle) throw throttled(service, error);
        if (attempt === MOST_ATTEMPTS || !(isThrottle || isFault(error))) throw error;
        const meanMs = (isThrottle ? THROTTLE_DELAY_MS : FAULT_DELAY_MS) * 2 ** (attempt - 1);
        await clock.sleep(Math.min(LONGEST_DELAY_MS, 2 * meanMs * random.next()));
      }
    }
  };
}

/** The error for a service that admits no more calls for now. */
export function throttled(service: string, cause?: unknown): AppError {
  return new AppError(
    'capacity_exhausted',
    `${service} limits the rate at which it is called. Try again in ${RETRY_AFTER_MS / 1_000} s.`,
    { cause, details: { service, retryAfterMs: RETRY_AFTER_MS } },
  );
}

/** True for an error of the service with this name, e.g. `ConditionalCheckFailedException`. */
export function isAwsError(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function isThrottled(error: unknown): boolean {
  return error instanceof Error && (THROTTLES.has(error.name) || statusOf(error) === 429);
}

function isFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (FAULTS.has(error.name) || statusOf(error) >= 500 || isOvertaken(error)) return true;
  return 'code' in error && typeof error.code === 'string' && FAULTS.has(error.code);
}

/** True for a transaction that met another one, or a throttle, and no condition that failed. */
function isOvertaken(error: Error): boolean {
  if (!('CancellationReasons' in error) || !Array.isArray(error.CancellationReasons)) return false;
  const codes = error.CancellationReasons.map((reason: { Code?: string }) => reason.Code ?? 'None');
  return codes.every((code) => code === 'None' || PASSING_REASONS.has(code));
}

/** HTTP status of the service's answer; 0 when there was none. */
function statusOf(error: Error): number {
  if (!('$metadata' in error)) return 0;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null) return 0;
  if (!('httpStatusCode' in metadata)) return 0;
  return Number(metadata.httpStatusCode ?? 0);
}
