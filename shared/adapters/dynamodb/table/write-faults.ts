/** What DynamoDB's refusals mean to a caller of the ledger. */

import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import { throttled } from '../../aws/call-aws.ts';
import { fromAttributes, type Item } from './attributes.ts';
import { SERVICE } from './table-access.ts';

/** Cancellation reasons by which DynamoDB says: too much, come back. */
const THROTTLED = new Set(['ProvisionedThroughputExceeded', 'ThrottlingError']);

/** Somebody else's write was under way on the same item; the same again will do. */
const CONTENDED = new Set([
  'TransactionConflictException',
  'TransactionConflict',
  'TransactionInProgressException',
]);

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

/** The error as the ledger's callers know it, once trying again has not helped. */
export function ledgerFault(error: unknown): unknown {
  const isThrottled = codesOf(error).some((code) => THROTTLED.has(code));
  return isThrottled || isContended(error) ? throttled(SERVICE, error) : error;
}

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  if (!(error instanceof TransactionCanceledException)) return [error.name];
  return (error.CancellationReasons ?? []).flatMap(({ Code }) =>
    Code === undefined ? [] : [Code],
  );
}
