import { open } from 'node:fs/promises';
import * as z from 'zod';
import { encodeResultLine } from '../../shared/contracts/result-line.ts';
import { NO_USAGE } from '../../shared/domain/cost/usage.ts';
import { requestIdFor } from '../../shared/domain/requests/idempotency.ts';
import type { RejectedLine } from './scan-input.ts';

/** Kept in memory, to be shown; all are written to the file. */
const MOST_KEPT = 1_000;

const rejectedSchema = z.object({
  line: z.number(),
  code: z.string(),
  message: z.string(),
  customId: z.string().nullable(),
});
type StoredRejection = z.infer<typeof rejectedSchema>;

/** Bad lines of one input: all of them on disk, the first of them at hand. */
export class RejectedLines {
  readonly path: string;
  readonly first: RejectedLine[] = [];
  #total = 0;
  readonly #file: Awaited<ReturnType<typeof open>>;

  private constructor(path: string, file: Awaited<ReturnType<typeof open>>) {
    this.path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<RejectedLines> {
    return new RejectedLines(path, await open(path, 'w'));
  }

  get total(): number {
    return this.#total;
  }

  async add(lines: readonly RejectedLine[]): Promise<void> {
    if (lines.length === 0) return;
    this.#total += lines.length;
    this.first.push(...lines.slice(0, MOST_KEPT - this.first.length));
    await this.#file.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

interface RejectedBatch {
  readonly batchId: string;
  readonly tenant: string;
  readonly finishedAtMs: number;
}

/** The result rows that stand for lines passed over, in the order of the file. */
export async function* rejectedResults(
  path: string,
  batch: RejectedBatch,
): AsyncGenerator<Uint8Array> {
  for await (const rejected of readRejected(path)) yield Buffer.from(resultOf(rejected, batch));
}

/** What was written of the bad lines. */
export async function* readRejected(path: string): AsyncGenerator<StoredRejection> {
  const file = await open(path, 'r');
  try {
    for await (const text of file.readLines()) yield rejectedSchema.parse(JSON.parse(text));
  } finally {
    await file.close();
  }
}

function resultOf(
  { line, code, message, customId }: StoredRejection,
  { batchId, tenant, finishedAtMs }: RejectedBatch,
): string {
  return encodeResultLine({
    customId,
    requestId: '',
    bodyJson: null,
    error: { code, message: `line ${line}: ${message}` },
    outcome: {
      id: requestIdFor(tenant, `${batchId}\nline ${line}`),
      tenant,
      status: 'failed',
      statusCode: 0,
      errorCode: code,
      lane: 'live',
      provider: '',
      usage: NO_USAGE,
      costMicroUsd: 0,
      attempts: 0,
      firstAttemptAtMs: null,
      finishedAtMs,
    },
  });
}
