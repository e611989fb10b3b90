import type { Problem } from '../call.ts';
import { asString, isObject, type JsonObject } from '../json.ts';
import { invalidRequest } from './errors.ts';

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'];
const LEAST_EXPIRY_SECONDS = 3_600;
const MOST_EXPIRY_SECONDS = 2_592_000;

/** Documented: 512 MB a file. Unit: bytes. */
export const MAX_FILE_BYTES = 536_870_912;

/** Enforced: 200 MB for the input of a batch. Unit: bytes. */
export const MAX_BATCH_INPUT_BYTES = 209_715_200;

/** What is wrong with the purpose and name of a new file, or undefined. */
export function checkPurpose(purpose: string | undefined, filename: string): Problem | undefined {
  if (purpose === undefined) {
    return invalidRequest("'purpose' is a required property", 'purpose', null);
  }
  if (!PURPOSES.includes(purpose)) {
    const names = PURPOSES.map((name) => `'${name}'`).join(', ');
    return invalidRequest(`'${purpose}' is not one of [${names}] - 'purpose'`, null, null);
  }
  if (purpose !== 'batch' || filename.endsWith('.jsonl')) return undefined;
  const text = 'Invalid file format for Batch API. Must be .jsonl';
  return invalidRequest(text, null, null);
}

/** The 400 of a file that is too large for its purpose, or undefined. */
export function checkBytes(bytes: number, purpose: string, mostInput: number): Problem | undefined {
  if (purpose !== 'batch' || bytes <= mostInput) return undefined;
  return invalidRequest(
    `File is too large for the Batch API: ${bytes} bytes. Maximum size is ${mostInput} bytes.`,
    null,
    null,
  );
}

/** Seconds of an `expires_after` or `output_expires_after`; undefined when there is none. */
export function readExpiry(given: unknown, param: string): number | undefined | Problem {
  if (given === undefined || given === null) return undefined;
  const expiry: JsonObject = isObject(given) ? given : {};
  if (asString(expiry['anchor']) !== 'created_at') {
    const text = `Invalid value for '${param}.anchor': expected 'created_at'.`;
    return invalidRequest(text, `${param}.anchor`, 'invalid_value');
  }
  const seconds = Number(expiry['seconds']);
  const isInRange =
    Number.isInteger(seconds) && seconds >= LEAST_EXPIRY_SECONDS && seconds <= MOST_EXPIRY_SECONDS;
  if (isInRange) return seconds;
  const text = `Invalid '${param}.seconds': expected an integer from ${LEAST_EXPIRY_SECONDS} to ${MOST_EXPIRY_SECONDS}.`;
  return invalidRequest(text, `${param}.seconds`, 'invalid_value');
}

export function unknownFile(id: string): Problem {
  return { ...invalidRequest(`No such File object: ${id}`, 'id', null), status: 404 };
}
