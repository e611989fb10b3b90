/** Reads an input file once, from its bytes to requests that may be sent and lines that may not. */

import { createHash, hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { prefixKey } from '../../shared/domain/caching/prefix-key.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { DigestTable } from '../../shared/domain/json/digest-table.ts';
import { type InputLine, LineSplitter } from '../../shared/domain/json/line-splitter.ts';
import { fingerprint } from '../../shared/domain/requests/idempotency.ts';
import type { Endpoint } from '../../shared/domain/requests/request.ts';
import type { SizeRequest } from '../../shared/runtime/size-request.ts';
import {
  type CheckedLine,
  checkForm,
  checkModel,
  type LineFault,
  type LineModels,
} from './check-line.ts';

/** A line that may be sent. */
export interface ScannedRequest {
  readonly line: number;
  /** Unit: bytes. */
  readonly offset: number;
  /** Unit: bytes. */
  readonly length: number;
  readonly customId: string;
  readonly endpoint: Endpoint;
  readonly model: ModelSettings;
  readonly inputTokens: number;
  /** The bound the body sets, else an assumption. */
  readonly maxOutputTokens: number;
  readonly hasOutputBound: boolean;
  readonly prefixKey: string | null;
  /** Number of the first line with the same opening. */
  readonly groupOrder: number;
  /** Digest of what is asked for. */
  readonly fingerprint: string;
}

export interface RejectedLine extends Omit<LineFault, 'kind'> {
  readonly line: number;
}

/** What one read of the file came to. */
export interface ScannedBatch {
  readonly requests: readonly ScannedRequest[];
  readonly rejected: readonly RejectedLine[];
  /** Read so far. Unit: bytes. */
  readonly readBytes: number;
}

/** What is known once the last line has been read. */
export interface ScanSummary {
  readonly lines: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ScanOptions {
  readonly path: string;
  readonly models: LineModels;
  readonly size: SizeRequest;
  /** Told of each model that a line names, before the line is judged by it. */
  readonly learn?: (modelName: string) => Promise<void>;
  /** Finds what else is wrong with a line, where somebody else is going to judge it too. */
  readonly otherFault?: (line: Readonly<Record<string, unknown>>) => string | null;
}

const READ_BYTES = 65_536;

/**
 * Yields the lines of a file, read by read, and returns its digest. Memory does not grow with the
 * file, apart from some 50 bytes a line for telling duplicates and shared openings.
 *
 * @throws {AppError} `file_not_found` or `empty_input`.
 */
export async function* scanInput(options: ScanOptions): AsyncGenerator<ScannedBatch, ScanSummary> {
  const { path } = options;
  const splitter = new LineSplitter();
  const judge = new LineJudge(options);
  const digest = createHash('sha256');
  let readBytes = 0;
  let lines = 0;
  const file = await openInput(path);
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, readBytes);
      const piece = buffer.subarray(0, bytesRead);
      digest.update(piece);
      readBytes += bytesRead;
      const found = bytesRead === 0 ? splitter.end() : splitter.push(piece);
      lines += found.length;
      if (found.length > 0) yield { ...(await judge.judge(found)), readBytes };
      if (bytesRead === 0) break;
    }
  } finally {
    await file.close();
  }
  if (lines === 0) {
    throw new AppError(
      'empty_input',
      `${path} holds no requests. Write one request a line, e.g. {"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{...}}`,
    );
  }
  return { lines, bytes: readBytes, sha256: digest.digest('hex') };
}

/** Judges lines one by one, in order, against all before. */
class LineJudge {
  readonly #options: ScanOptions;
  readonly #lineOfId = new DigestTable();
  readonly #lineOfOpening = new DigestTable();

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  async judge(lines: readonly InputLine[]): Promise<Omit<ScannedBatch, 'readBytes'>> {
    const requests: ScannedRequest[] = [];
    const rejected: RejectedLine[] = [];
    for (const line of lines) {
      const checked = await this.#check(line);
      const judged = checked.kind === 'good' ? await this.#judgeGood(line, checked) : checked;
      if (judged.kind === 'bad') {
        const { code, message, customId } = judged;
        rejected.push({ line: line.number, code, message, customId });
      } else {
        requests.push(judged.request);
      }
    }
    return { requests, rejected };
  }

  async #check(line: InputLine): Promise<CheckedLine | LineFault> {
    const { learn, models, otherFault } = this.#options;
    const formed = checkForm(line, otherFault);
    if (formed.kind === 'bad') return formed;
    await learn?.(formed.modelName);
    return checkModel(formed, models);
  }

  async #judgeGood(
    line: InputLine,
    { customId, endpoint, model, body }: CheckedLine,
  ): Promise<{ kind: 'good'; request: ScannedRequest } | LineFault> {
    const first = this.#lineOfId.putIfAbsent(hash('sha256', customId, 'buffer'), line.number);
    if (first !== null) {
      const message = `custom_id ${JSON.stringify(customId.slice(0, 80))} is on line ${first} already; give each line its own`;
      return { kind: 'bad', code: 'duplicate_custom_id', message, customId };
    }
    const size = await this.#options.size(endpoint, model, body);
    if (size.kind === 'refused') {
      return { kind: 'bad', code: size.code, message: size.message, customId };
    }
    const opening = prefixKey(model.name, body);
    const leader =
      opening === null
        ? null
        : this.#lineOfOpening.putIfAbsent(Buffer.from(opening, 'base64url'), line.number);
    return {
      kind: 'good',
      request: {
        line: line.number,
        offset: line.offset,
        length: line.length,
        customId,
        endpoint,
        model,
        inputTokens: size.inputTokens,
        maxOutputTokens: size.maxOutputTokens,
        hasOutputBound: size.hasOutputBound,
        prefixKey: opening,
        groupOrder: leader ?? line.number,
        fingerprint: fingerprint(endpoint, body),
      },
    };
  }
}

async function openInput(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError('file_not_found', `Cannot read ${path}: ${reason}. Check the path.`, {
      cause: error,
    });
  }
  throw new AppError(
    'file_not_found',
    `${path} is not a file that can be read twice. Give the path of a JSONL file.`,
  );
}
