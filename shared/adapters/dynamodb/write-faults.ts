/** What DynamoDB's refusals mean to a caller of the ledger. */

import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import { AppError } from '../../domain/errors.ts';
import { fromAttributes, type Item } from './attributes.ts';

/** Errors and cancellation reasons by which DynamoDB says: too much, come back. */
const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'RequestLimitExceeded',
  'LimitExceededException',
]);

/** Somebody else's write was under way on the same item; the same again will do. */
const CONTENDED = new Set([
  'TransactionConflictException',
  'TransactionConflict',
  'TransactionInProgressException',
]);

const LEAST_WAIT_MS = 1_000;
const WAIT_SPREAD_MS = 2_000;

/** The item that stood in the way; `null` when the error is no failed condition. */
export function refusedBy(error: unknown): { readonly item: Item | null } | null {
  if (!(error instanceof ConditionalCheckFailedException)) return null;
  return { item: error.Item === undefined ? null : fromAttributes(error.Item) };
}

/** Why a transaction was cancelled, action by action; `null` when the error is something else. */
export function cancelledBy(error: unknown): readonly CancelReason[] | null {
  if (!(error instanceof TransactionCanceledException)) return null;
  return (error.CancellationReasons ?? []).map(({ Code, Item: item }) => ({
    isRefused: Code === 'ConditionalCheckFailed',
    item: item === undefined ? null : fromAttributes(item),
  }));
}

export interface CancelReason {
  readonly isRefused: boolean;
  /** The item that stood in the way, where there is one. */
  readonly item: Item | null;
}

export function isContended(error: unknown): boolean {
  return codesOf(error).some((code) => CONTENDED.has(code));
}

function isThrottled(error: unknown): boolean {
  return codesOf(error).some((code) => THROTTLED.has(code));
}

/** The error as the ledger's callers know it. `chance` is uniform in [0, 1). */
export function ledgerFault(error: unknown, chance: number): unknown {
  if (!isThrottled(error) && !isContended(error)) return error;
  return new AppError('capacity_exhausted', 'The ledger takes no more writes right now', {
    cause: error,
    details: { retryAfterMs: Math.round(LEAST_WAIT_MS + chance * WAIT_SPREAD_MS) },
  });
}

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  if (!(error instanceof TransactionCanceledException)) return [error.name];
  return (error.CancellationReasons ?? []).flatMap(({ Code }) =>
    Code === undefined ? [] : [Code],
  );
}
