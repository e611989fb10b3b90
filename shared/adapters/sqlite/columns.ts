/** Reads columns as the types the schema promises; STRICT tables keep that promise. */

import type { SQLOutputValue } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';

type Column = SQLOutputValue | undefined;

export function text(value: Column): string {
  if (typeof value !== 'string') throw unexpected(value, 'text');
  return value;
}

export function textOrNull(value: Column): string | null {
  return value === null ? null : text(value);
}

export function number(value: Column): number {
  if (typeof value !== 'number') throw unexpected(value, 'a number');
  return value;
}

export function numberOrNull(value: Column): number | null {
  return value === null ? null : number(value);
}

/** The column as one of the words the domain knows. */
export function word<Word extends string>(value: Column, words: readonly Word[]): Word {
  const known = words.find((candidate) => candidate === value);
  if (known === undefined) throw unexpected(value, `one of ${words.join(', ')}`);
  return known;
}

function unexpected(value: Column, wanted: string): AppError {
  return new AppError(
    'internal',
    `The state database holds ${value === null ? 'nothing' : typeof value} where ${wanted} belongs. The file may have been edited or damaged; run penstock doctor.`,
  );
}
