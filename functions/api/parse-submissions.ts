/** From the body of `POST /v1/requests` to submissions, each judged by itself. */

import type * as z from 'zod';
import type { submitQuerySchema } from '../../shared/contracts/api.ts';
import { submissionSchema } from '../../shared/contracts/api.ts';
import { MAX_KEYS_PER_CALL, MAX_REQUESTS_PER_CALL } from '../../shared/contracts/limits.ts';
import { fieldError } from '../../shared/contracts/problem.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { MAX_JSON_KEYS } from '../../shared/domain/json/json-guard.ts';
import { PRIORITIES } from '../../shared/domain/requests/request.ts';
import type { Submission } from '../../shared/usecases/submit-requests.ts';
import { checkInput } from './check-input.ts';
import { parseJson } from './read-body.ts';

type WireSubmission = z.output<typeof submissionSchema>;

/** What holds where a submission itself says nothing. */
export type CallDefaults = Omit<z.output<typeof submitQuerySchema>, 'batch'>;

/** What one call asks for. A list is index-aligned with what was sent. */
export type ParsedSubmissions =
  | { readonly kind: 'one'; readonly submission: Submission }
  | { readonly kind: 'many'; readonly submissions: readonly (Submission | AppError)[] };

const LINE_FEED = 0x0a;
const OPEN_ARRAY = 0x5b;
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Reads one object, or an array of them. The key is the one object's own.
 *
 * @throws {AppError} when the text is no JSON, or the one object is faulty.
 */
export function parseSubmissions(
  bytes: Uint8Array,
  idempotencyKey: string | null,
  defaults: CallDefaults = {},
): ParsedSubmissions {
  const isArray = bytes.find((byte) => !BLANKS.has(byte)) === OPEN_ARRAY;
  const value = parseJson(bytes, isArray ? MAX_KEYS_PER_CALL : MAX_JSON_KEYS);
  if (!Array.isArray(value)) {
    const submission = toSubmission(value, defaults, 'standard', idempotencyKey);
    return { kind: 'one', submission };
  }
  checkCount(value.length);
  return { kind: 'many', submissions: value.map((item: unknown) => attempt(() => item, defaults)) };
}

/** Reads one JSON object a line; blank lines are passed over. */
export function parseSubmissionLines(
  bytes: Uint8Array,
  defaults: CallDefaults = {},
): ParsedSubmissions {
  const lines = [...linesOf(bytes)];
  checkCount(lines.length);
  return {
    kind: 'many',
    submissions: lines.map((line) => attempt(() => parseJson(line), defaults)),
  };
}

function attempt(read: () => unknown, defaults: CallDefaults): Submission | AppError {
  try {
    return toSubmission(read(), defaults, 'bulk', null);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function toSubmission(
  value: unknown,
  defaults: CallDefaults,
  usualPriority: keyof typeof PRIORITIES,
  headerKey: string | null,
): Submission {
  const wire = checkInput(submissionSchema, value);
  return {
    idempotencyKey: agreeing('/id', wire.id, headerKey, 'the Idempotency-Key header'),
    customId: wire.custom_id ?? null,
    model: modelOf(wire),
    endpoint: required('/endpoint', agreeing('/endpoint', wire.endpoint, wire.url, 'url')),
    body: wire.body,
    completionWindowMs: wire.completion_window ?? defaults.completion_window ?? null,
    lane: wire.lane ?? defaults.lane ?? null,
    priority: PRIORITIES[wire.priority ?? defaults.priority ?? usualPriority],
    tags: wire.tags ?? defaults.tags ?? [],
  };
}

function modelOf({ model, body }: WireSubmission): string {
  const own = readModel(body, '/body/model');
  return required('/body/model', agreeing('/model', model, own, 'the model in the body'));
}

/** The model a provider body names, if it names one. */
export function readModel(body: Readonly<Record<string, unknown>>, pointer: string): string | null {
  const { model } = body;
  if (model === undefined) return null;
  if (typeof model === 'string' && model !== '') return model;
  throw fieldError('invalid_request', pointer, 'must be the name of a model');
}

function agreeing<Value extends string>(
  pointer: string,
  one: Value | null | undefined,
  other: Value | null | undefined,
  otherName: string,
): Value | null {
  if (one == null || other == null || one === other) return one ?? other ?? null;
  throw fieldError('invalid_request', pointer, `differs from ${otherName}. Send one of the two`);
}

function required<Value>(pointer: string, value: Value | null): Value {
  if (value !== null) return value;
  throw fieldError('invalid_request', pointer, 'is missing');
}

function checkCount(count: number): void {
  if (count === 0) {
    throw new AppError('empty_input', 'The body holds no requests. Send at least one');
  }
  if (count > MAX_REQUESTS_PER_CALL) {
    const message = `${count} requests in one call; at most ${MAX_REQUESTS_PER_CALL} are taken. Send them in several calls`;
    throw new AppError('payload_too_large', message);
  }
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    if (!line.every((byte) => BLANKS.has(byte))) yield line;
    start = end + 1;
  }
}
