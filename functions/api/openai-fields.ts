/** Fields as OpenAI checks them, in its words. */

import { openAiRefusal } from '../../shared/contracts/openai-error.ts';

const LEAST_EXPIRY_SECONDS = 3_600;
const MOST_EXPIRY_SECONDS = 2_592_000;
const MOST_PAIRS = 16;
const MOST_KEY_CHARACTERS = 64;
const MOST_VALUE_CHARACTERS = 512;
/** Longer is no id of ours, and a store may take no longer key. */
const MOST_CURSOR_CHARACTERS = 256;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body as an object that has no other fields than these. */
export function objectOf(value: unknown, fields: readonly string[]): JsonObject {
  if (!isObject(value))
    throw openAiRefusal('The body must be a JSON object.', null, 'invalid_type');
  const unknown = Object.keys(value).find((name) => !fields.includes(name));
  if (unknown === undefined) return value;
  const shown = unknown.slice(0, 80);
  throw openAiRefusal(`Unknown parameter: '${shown}'.`, shown, 'unknown_parameter');
}

export function requiredText(body: JsonObject, name: string): string {
  const value = body[name];
  if (value === undefined || value === null || value === '') {
    throw openAiRefusal(
      `Missing required parameter: '${name}'.`,
      name,
      'missing_required_parameter',
    );
  }
  if (typeof value === 'string') return value;
  throw openAiRefusal(`Invalid type for '${name}': expected a string.`, name, 'invalid_type');
}

/** How long something is kept; `null` where nothing is said. Unit: ms. */
export function readExpiry(given: unknown, param: string): number | null {
  if (given === undefined || given === null) return null;
  const { anchor, seconds: written } = isObject(given) ? given : {};
  if (anchor !== 'created_at') {
    const message = `Invalid value for '${param}.anchor': expected 'created_at'.`;
    throw openAiRefusal(message, `${param}.anchor`, 'invalid_value');
  }
  const seconds = Number(written);
  if (
    Number.isInteger(seconds) &&
    seconds >= LEAST_EXPIRY_SECONDS &&
    seconds <= MOST_EXPIRY_SECONDS
  ) {
    return seconds * 1_000;
  }
  const message = `Invalid '${param}.seconds': expected an integer from ${LEAST_EXPIRY_SECONDS} to ${MOST_EXPIRY_SECONDS}.`;
  throw openAiRefusal(message, `${param}.seconds`, 'invalid_value');
}

export function readMetadata(given: unknown): Record<string, string> | null {
  if (given === undefined || given === null) return null;
  if (!isObject(given)) {
    const message = "Invalid type for 'metadata': expected an object.";
    throw openAiRefusal(message, 'metadata', 'invalid_type');
  }
  const entries = Object.entries(given);
  if (entries.length > MOST_PAIRS) {
    const message = `Invalid 'metadata': too many properties. Expected an object with at most ${MOST_PAIRS} properties, but got an object with ${entries.length} properties instead.`;
    throw openAiRefusal(message, 'metadata', 'object_above_max_properties');
  }
  const metadata: Record<string, string> = {};
  for (const [key, value] of entries) {
    const shown = key.slice(0, 80);
    if (typeof value !== 'string') {
      const message = `Invalid type for 'metadata.${shown}': expected a string.`;
      throw openAiRefusal(message, 'metadata', 'invalid_type');
    }
    if (key.length > MOST_KEY_CHARACTERS) {
      const message = `Invalid 'metadata': the key '${shown}' is longer than ${MOST_KEY_CHARACTERS} characters.`;
      throw openAiRefusal(message, 'metadata', 'property_name_above_max_length');
    }
    if (value.length > MOST_VALUE_CHARACTERS) {
      const message = `Invalid 'metadata.${shown}': string too long. Expected a string with maximum length ${MOST_VALUE_CHARACTERS}, but got a string with length ${value.length} instead.`;
      throw openAiRefusal(message, 'metadata', 'string_above_max_length');
    }
    metadata[key] = value;
  }
  return metadata;
}

/** A page's size. */
export function readLimit(written: string | undefined, usual: number, most: number): number {
  if (written === undefined) return usual;
  const limit = Number(written);
  if (/^[0-9]{1,6}$/.test(written) && limit >= 1 && limit <= most) return limit;
  const message = `Invalid 'limit': expected an integer from 1 to ${most}, but got ${written.slice(0, 20)} instead.`;
  throw openAiRefusal(message, 'limit', 'invalid_value');
}

/** The id that a page begins behind; one left empty is none. */
export function readCursor(written: string | undefined, param: string): string | undefined {
  if (written === undefined || written === '') return undefined;
  if (written.length <= MOST_CURSOR_CHARACTERS) return written;
  const message = `Invalid '${param}': longer than ${MOST_CURSOR_CHARACTERS} characters, and so no id.`;
  throw openAiRefusal(message, param, 'invalid_value');
}
