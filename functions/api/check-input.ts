import type * as z from 'zod';
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
  const parsed = schema.safeParse(value, { error: describeIssue });
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

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
};
const UNITS: Readonly<Record<string, string>> = { array: ' entries', string: ' characters' };

/** What to write instead, where the schema has no words of its own. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const wanted = wantedBy(issue);
  if (wanted === undefined) return undefined;
  return issue.input === undefined ? `is missing; it must be ${wanted}` : `must be ${wanted}`;
}

function wantedBy(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected];
    case 'invalid_value':
      return `${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    case 'too_small':
      return `at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
    default:
      return undefined;
  }
}
