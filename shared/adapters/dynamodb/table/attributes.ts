/**
 * Items as the ledger keeps them: flat, of texts and numbers. Written by hand rather than by the
 * document client: commits write thousands of them a second, and an item that refuses a condition
 * comes back as it lies in the table, whichever client asked.
 */

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { AppError } from '../../../domain/errors.ts';

export type Item = Readonly<Record<string, string | number>>;

export function toAttributes(item: Item): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(item)) {
    attributes[name] = typeof value === 'string' ? { S: value } : { N: String(value) };
  }
  return attributes;
}

export function fromAttributes(attributes: Readonly<Record<string, AttributeValue>>): Item {
  const item: Record<string, string | number> = {};
  for (const [name, { S, N }] of Object.entries(attributes)) {
    if (S !== undefined) item[name] = S;
    else if (N !== undefined) item[name] = Number(N);
  }
  return item;
}

export function text(item: Item, name: string): string {
  const value = item[name];
  if (typeof value === 'string') return value;
  throw unexpected(item, name, 'text');
}

export function number(item: Item, name: string): number {
  const value = item[name];
  if (typeof value === 'number') return value;
  throw unexpected(item, name, 'a number');
}

/** The number, or 0 where the item has none. */
export function count(item: Item, name: string): number {
  return item[name] === undefined ? 0 : number(item, name);
}

function unexpected(item: Item, name: string, wanted: string): AppError {
  return new AppError(
    'internal',
    `The table holds no ${wanted} as ${name} of ${item['pk']} ${item['sk']}. It may have been edited.`,
  );
}
