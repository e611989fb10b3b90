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

/** Until the sweeper has rung for what a native batch handed back, and a function has begun. Unit: ms. */
export const NATIVE_HAND_OVER_MS = 45_000;

/**
 * Largest part of an upload, and largest file in one call, behind API Gateway: with what multipart
 * adds it fills a body. Unit: bytes.
 */
export const MAX_GATEWAY_FILE_BYTES = 4 * 1_024 * 1_024;

/** Largest file in one call where nothing stands before the server. Unit: bytes. */
export const MAX_FILE_BYTES = 512 * 1_024 * 1_024;

/** What multipart may add to the file it carries. Unit: bytes. */
export const MULTIPART_OVERHEAD_BYTES = 64 * 1_024;

/** Largest part of an upload, as OpenAI has it. Unit: bytes. */
export const MAX_PART_BYTES = 64 * 1_024 * 1_024;

/** Largest file that comes in parts. Unit: bytes. */
export const MAX_UPLOAD_BYTES = 8 * 1_024 * 1_024 * 1_024;

/** Most parts of one file: its record, and that of a batch made of it, name them all. */
export const MAX_UPLOAD_PARTS = 2_500;

/** Longest name of a file, which becomes a header. Unit: characters. */
export const MAX_FILENAME_LENGTH = 255;

/** Most files of one page. */
export const MAX_FILE_PAGE = 10_000;

/** Most batches of one page, and how many there are when nobody says. */
export const MAX_BATCH_PAGE = 100;
export const DEFAULT_BATCH_PAGE = 20;

/** Largest body with the requests of a message batch, as Anthropic has it. Unit: bytes. */
export const MAX_MESSAGE_BATCH_BYTES = 256 * 1_024 * 1_024;

/** Most requests of a message batch, as Anthropic has it. */
export const MAX_MESSAGE_BATCH_REQUESTS = 100_000;

/** Most object keys in the requests of a message batch. */
export const MAX_MESSAGE_BATCH_KEYS = 5_000_000;

/** Largest content a function hands on itself; all that is larger is fetched from the bucket. Unit: bytes. */
export const MAX_DIRECT_CONTENT_BYTES = 3_500_000;

/** How long files of batches are kept, as OpenAI has it. Unit: ms. */
export const DEFAULT_FILE_LIFE_MS = 30 * 86_400_000;
