/** Bounds of what an edge takes and gives. Constants only: infrastructure imports this file. */

/** Largest body of one call. Unit: bytes. */
export const MAX_BODY_BYTES = 32 * 1_024 * 1_024;

/**
 * Largest body that passes API Gateway and Lambda: in base64 it fills the 6 MB of an event, and
 * leaves room for headers. Unit: bytes.
 */
export const MAX_GATEWAY_BODY_BYTES = 4_400_000;

/** Most requests submitted in one call. */
export const MAX_REQUESTS_PER_CALL = 10_000;

/** Most object keys in a call that carries many requests as one JSON array. */
export const MAX_KEYS_PER_CALL = 100_000;

/** Longest a GET holds its answer back. Below the 29 s of API Gateway. Unit: seconds. */
export const MAX_WAIT_SECONDS = 25;

/**
 * Longest a synchronous route waits for the provider. Below the ten minutes after which the
 * official SDKs give up. Unit: ms.
 */
export const DEFAULT_SYNC_WAIT_MS = 300_000;

/** Longest a synchronous route waits behind API Gateway, which gives up after 29 s. Unit: ms. */
export const GATEWAY_SYNC_WAIT_MS = 25_000;

/** Unit: characters. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;
/** Unit: characters. */
export const MAX_NAME_LENGTH = 128;
/** Unit: characters. */
export const MAX_CUSTOM_ID_LENGTH = 512;
/** Unit: characters. */
export const MAX_TAG_LENGTH = 64;
export const MAX_TAGS = 16;

/** Most items of one page. */
export const MAX_PAGE = 1_000;
export const DEFAULT_PAGE = 100;

/**
 * How long a queue hides a message, in timeouts of the function that takes it; the window comes
 * on top. Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", read 2026-11-23.
 */
export const VISIBILITY_TIMEOUT_FACTOR = 6;

/**
 * Most of one page of result lines, unless a single line holds more. Written into the JSON that a
 * function answers with, its quotes take room too; together it stays below Lambda's 6 MB. Unit: bytes.
 */
export const MAX_RESULT_PAGE_BYTES = 3_500_000;

/** How often the deployment looks at native batches. Unit: ms. */
export const NATIVE_TICK_MS = 60_000;
