import type { z } from 'zod';
import type { FieldFault } from '../../shared/contracts/problem.ts';
import { AppError } from '../../shared/domain/errors.ts';

/** Longest quotation of a caller's own words in an error. Unit: characters. */
const MOST_QUOTED = 80;
const MOST_FAULTS = 20;

/**
 * The value as the schema gives it.
 *
 * @throws {AppError} `invalid_request` naming every faulty field by JSON Pointer.
 */
export function checkInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap(faultsOf).slice(0, MOST_FAULTS);
  const message = errors.map((fault) => `${fault.pointer || '/'}: ${fault.message}`).join('; ');
  throw new AppError('invalid_request', message, { details: { errors } });
}

function faultsOf(issue: z.core.$ZodIssue): FieldFault[] {
  const pointer = issue.path.map((key) => `/${escapePointer(String(key))}`).join('');
  if (issue.code !== 'unrecognized_keys') return [{ pointer, message: issue.message }];
  return issue.keys.slice(0, MOST_FAULTS).map((key) => ({
    pointer: `${pointer}/${escapePointer(key)}`,
    message: 'is no field of this object. Remove it, or check its spelling',
  }));
}

/** RFC 6901, and cut where a caller's key is long. */
function escapePointer(key: string): string {
  return key.slice(0, MOST_QUOTED).replaceAll('~', '~0').replaceAll('/', '~1');
}
