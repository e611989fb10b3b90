/** A provider's batch API over HTTP: a dialect says how to ask, this says what came of it. */

import { Readable } from 'node:stream';
import type {
  NativeBatchLimits,
  NativeBatchView,
  NativeRow,
} from '../../../domain/native/native-batch.ts';
import type {
  NativeBatchFailure,
  NativeBatchInput,
  NativeBatchProvider,
  NativeBatchResult,
  NativeRowsQuery,
} from '../../../ports/native-batch-provider.ts';
import { isRecord, type JsonRecord, parseJson } from '../json.ts';
import { readRetryAfterMs } from '../rate-signals.ts';
import type { Exchange, Received } from '../transport.ts';
import { type CallContext, failure, failureOf } from './call-failure.ts';
import { readPages } from './list-pages.ts';
import type { NativeBatchParts } from './native-batch-parts.ts';
import type { Query } from './native-dialect.ts';
import { readRows } from './read-rows.ts';
import {
  encodeRows,
  INLINE_REQUESTS,
  JSON_LINES,
  multipartForm,
  RowsRefused,
} from './row-encoding.ts';
import { idIn } from './view-fields.ts';

/** For calls that send and bring little, unless the settings allow less. Unit: ms. */
const CALL_MS = 60_000;

interface Ask extends Pick<CallContext, 'model' | 'isWrite' | 'isAboutOne'> {
  readonly method: Exchange['method'];
  readonly path: string;
  readonly query?: Query;
  readonly body?: JsonRecord;
}

type Answer = { readonly json: unknown; readonly headers: Received['headers'] };

export class HttpNativeBatches implements NativeBatchProvider {
  readonly name: string;
  readonly limits: NativeBatchLimits;
  private readonly parts: NativeBatchParts;

  constructor(parts: NativeBatchParts) {
    this.name = parts.name;
    this.limits = parts.native.limits;
    this.parts = parts;
  }

  async upload(
    input: NativeBatchInput,
    signal: AbortSignal,
  ): Promise<NativeBatchResult<string | null>> {
    const refused = this.refuse(input);
    if (refused !== null) return refused;
    const { native } = this.parts;
    if (native.fileFields === null) return { kind: 'done', value: null };
    const file = encodeRows(input, this.limits, JSON_LINES, (row) => native.rowOf(input, row));
    const form = multipartForm(native.fileFields, fileNameOf(input.jobId), file);
    const answer = await this.send(
      { method: 'POST', path: '/files', model: input.model, isWrite: true, isAboutOne: false },
      { contentType: form.contentType, pieces: form.pieces },
      signal,
    );
    if (answer.kind === 'failed') return answer;
    const { json } = answer.value;
    const id = isRecord(json) ? idIn(json['id']) : null;
    return id === null
      ? this.malformed('The answer to the upload names no file')
      : { kind: 'done', value: id };
  }

  async create(
    input: NativeBatchInput,
    inputFileId: string | null,
    signal: AbortSignal,
  ): Promise<NativeBatchResult<NativeBatchView>> {
    const refused = this.refuse(input);
    if (refused !== null) return refused;
    const { native } = this.parts;
    const isInline = native.fileFields === null;
    if (!isInline && inputFileId === null) {
      return this.failure('internal', `Batch ${input.jobId} was to be created before its upload`);
    }
    const ask = {
      method: 'POST',
      path: native.batchesPath,
      model: input.model,
      isWrite: true,
      isAboutOne: !isInline,
    } as const;
    const answer = isInline
      ? await this.send(
          ask,
          {
            contentType: 'application/json',
            pieces: encodeRows(input, this.limits, INLINE_REQUESTS, (row) =>
              native.rowOf(input, row),
            ),
          },
          signal,
        )
      : await this.ask({ ...ask, body: native.createBody(input, inputFileId ?? '') }, signal);
    return this.viewOf(answer, true);
  }

  list(
    sinceMs: number,
    signal: AbortSignal,
  ): AsyncIterable<NativeBatchResult<readonly NativeBatchView[]>> {
    const { native, clock } = this.parts;
    const about = { model: '', isWrite: false, isAboutOne: false };
    return readPages({
      native,
      sinceMs,
      nowMs: () => clock.nowMs(),
      ask: async (query) => {
        const path = native.batchesPath;
        const answer = await this.ask({ ...about, method: 'GET', path, query }, signal);
        return answer.kind === 'failed' ? answer : { kind: 'done', value: answer.value.json };
      },
      malformed: (detail) => this.failure('provider_malformed', detail),
    });
  }

  async get(id: string, signal: AbortSignal): Promise<NativeBatchResult<NativeBatchView>> {
    const about = { model: '', isWrite: false, isAboutOne: true };
    const answer = await this.ask({ ...about, method: 'GET', path: this.pathOf(id) }, signal);
    return this.viewOf(answer, false);
  }

  async cancel(id: string, signal: AbortSignal): Promise<NativeBatchResult<NativeBatchView>> {
    const about = { model: '', isWrite: true, isAboutOne: true };
    const path = `${this.pathOf(id)}/cancel`;
    const answer = await this.ask({ ...about, method: 'POST', path }, signal);
    const cancelled = this.viewOf(answer, true);
    if (cancelled.kind === 'done' || !MAYBE_ENDED.has(cancelled.code)) return cancelled;
    // Refused: most likely because it has ended, or is about to.
    const found = await this.get(id, signal);
    if (found.kind === 'failed') return cancelled;
    const isEnding = found.value.end !== null || found.value.isCancelling;
    // One that is there was not deleted: this provider, or this key, only knows no cancelling.
    return isEnding || cancelled.code === 'not_found' ? found : cancelled;
  }

  rows(query: NativeRowsQuery, signal: AbortSignal): AsyncIterable<NativeRow | NativeBatchFailure> {
    return readRows(this.parts, query, signal);
  }

  async deleteFiles(ids: readonly string[], signal: AbortSignal): Promise<NativeBatchResult<null>> {
    let first: NativeBatchFailure | null = null;
    for (const id of ids) {
      const about = { model: '', isWrite: true, isAboutOne: true };
      const path = this.parts.native.deletePath(id);
      const answer = await this.ask({ ...about, method: 'DELETE', path }, signal);
      if (answer.kind === 'failed' && answer.code !== 'not_found') first ??= answer;
    }
    return first ?? { kind: 'done', value: null };
  }

  async close(): Promise<void> {
    await Promise.all([this.parts.transport.close(), this.parts.streams.close()]);
  }

  private pathOf(id: string): string {
    return `${this.parts.native.batchesPath}/${encodeURIComponent(id)}`;
  }

  /** Why the rows cannot be sent, where that is plain before the first of them. */
  private refuse({ endpoint, rowCount, jobId }: NativeBatchInput): NativeBatchFailure | null {
    if (!this.parts.native.serves(endpoint)) {
      const message = `Provider ${this.name} runs no batches of ${endpoint}`;
      return this.failure('unsupported_endpoint', message);
    }
    if (rowCount === 0) return this.failure('empty_input', `Batch ${jobId} has no rows`);
    if (rowCount <= this.limits.mostRows) return null;
    const message = `Batch ${jobId} has ${rowCount} rows; ${this.name} takes ${this.limits.mostRows} at most`;
    return this.failure('payload_too_large', message);
  }

  private viewOf(
    answer: NativeBatchResult<Answer>,
    isWrite: boolean,
  ): NativeBatchResult<NativeBatchView> {
    if (answer.kind === 'failed') return answer;
    const { json, headers } = answer.value;
    const { native, clock, redactor } = this.parts;
    const nowMs = clock.nowMs();
    const view = native.readBatch(json, nowMs);
    if (view === null) {
      return {
        ...this.failure('provider_malformed', 'The answer is no batch'),
        isAmbiguous: isWrite,
      };
    }
    const retryAfterMs = readRetryAfterMs(headers, nowMs) ?? null;
    const faults = view.faults.map((fault) => ({
      ...fault,
      message: redactor.message(fault.message),
    }));
    return { kind: 'done', value: { ...view, retryAfterMs, faults } };
  }

  /** A call with little to send. */
  private ask(ask: Ask, signal: AbortSignal): Promise<NativeBatchResult<Answer>> {
    const { headers, timeouts } = this.parts;
    return this.exchange(ask, signal, {
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      headersMs: Math.min(CALL_MS, timeouts.headersMs),
      totalMs: Math.min(CALL_MS, timeouts.totalMs),
    });
  }

  /** A call that sends the rows. */
  private async send(
    ask: Ask,
    content: { readonly contentType: string; readonly pieces: AsyncIterable<Buffer> },
    signal: AbortSignal,
  ): Promise<NativeBatchResult<Answer>> {
    let fault: unknown = null;
    async function* watched(): AsyncGenerator<Buffer, void> {
      try {
        yield* content.pieces;
      } catch (error) {
        fault = error;
        throw error;
      }
    }
    const { totalMs } = this.parts.timeouts;
    const answer = await this.exchange(ask, signal, {
      headers: withContentType(this.parts.headers, content.contentType),
      body: Readable.from(watched(), { objectMode: false }),
      headersMs: totalMs,
      totalMs,
    });
    if (fault === null) return answer;
    // The rows broke off, and with them the request: whatever came, nothing was made of it.
    if (fault instanceof RowsRefused) return this.failure(fault.code, fault.message);
    const reason = fault instanceof Error ? fault.message : String(fault);
    return this.failure('internal', `The rows could not be read: ${reason}`);
  }

  private async exchange(
    ask: Ask,
    signal: AbortSignal,
    how: Pick<Exchange, 'headers' | 'body' | 'headersMs' | 'totalMs'>,
  ): Promise<NativeBatchResult<Answer>> {
    const { transport, dialect, redactor, clock } = this.parts;
    const path = dialect.routeOf(ask.path, ask.query);
    const ended = await transport.exchange({ method: ask.method, path, ...how }, signal);
    const isSuccess =
      ended.kind === 'received' && ended.statusCode >= 200 && ended.statusCode <= 299;
    if (!isSuccess) return failureOf(ended, { ...ask, redactor, nowMs: clock.nowMs() });
    const json = parseJson(ended.text);
    // An answer to a delete may be empty.
    if (json !== undefined || ask.method === 'DELETE') {
      return { kind: 'done', value: { json, headers: ended.headers } };
    }
    return {
      ...this.failure('provider_malformed', 'The answer is not JSON; check the baseUrl'),
      isAmbiguous: ask.isWrite,
    };
  }

  private malformed(message: string): NativeBatchFailure {
    return { ...this.failure('provider_malformed', message), isAmbiguous: true };
  }

  private failure(code: NativeBatchFailure['code'], message: string): NativeBatchFailure {
    return failure(code, message, this.parts);
  }
}

/** What a cancel is answered with by providers that take none of a batch that has ended. */
const MAYBE_ENDED = new Set<NativeBatchFailure['code']>([
  'not_found',
  'provider_auth_failed',
  'provider_rejected',
  'provider_error',
  'provider_malformed',
]);

function withContentType(headers: readonly string[], contentType: string): string[] {
  const all: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    all.push(name, name === 'content-type' ? contentType : value);
  }
  return all;
}

/** The job's name stands in the file's too, for people who look at the provider's list of files. */
function fileNameOf(jobId: string): string {
  return `penstock-${jobId.replace(/[^\w.-]/g, '-').slice(0, 100)}.jsonl`;
}
