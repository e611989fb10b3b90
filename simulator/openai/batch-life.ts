import type { BatchDesk } from '../batches/desk.ts';
import { RowPlan } from '../batches/row-plan.ts';
import { planTimeline } from '../batches/timeline.ts';
import type { Endpoint } from '../call.ts';
import { type BatchStatus, doneCount, type OpenAiBatch } from './batch.ts';
import { type BatchError, type BatchInput, readInput } from './batch-input.ts';
import { writeResults } from './batch-results.ts';
import { MAX_BATCH_INPUT_BYTES } from './file-rules.ts';
import type { StoredFile } from './file-store.ts';

const HOUR_MS = 3_600_000;

/** Documented; Azure allows twice as many. */
const MAX_REQUESTS = 50_000;
const AZURE_MAX_REQUESTS = 100_000;

const EXPIRED = {
  code: 'batch_expired',
  message: 'This request could not be executed before the completion window expired.',
};
const CANCELLED = {
  code: 'batch_cancelled',
  message: 'This request was not executed because the batch was cancelled.',
};

/** What a client asks for, found valid. */
export type BatchOrder = Pick<
  OpenAiBatch,
  'isAzure' | 'endpoint' | 'window' | 'metadata' | 'outputExpiresAfterSeconds'
>;

/** Moves batches from their creation to their end. */
export class BatchLife {
  readonly #desk: BatchDesk;
  readonly #findEndpoint: (url: string) => Endpoint | undefined;

  constructor(desk: BatchDesk, findEndpoint: (url: string) => Endpoint | undefined) {
    this.#desk = desk;
    this.#findEndpoint = findEndpoint;
  }

  create(order: BatchOrder, file: StoredFile): OpenAiBatch {
    const desk = this.#desk;
    const createdAtMs = desk.nowMs();
    const fate = desk.drawFate();
    const expiresAtMs = createdAtMs + windowMs(order.window);
    const batch: OpenAiBatch = {
      ...order,
      id: batchId(desk.nextId(), order.isAzure),
      inputFileId: file.id,
      createdAtMs,
      expiresAtMs,
      fate,
      timeline: planTimeline(fate, createdAtMs, expiresAtMs, desk.settings),
      status: 'validating',
      enteredAtMs: {},
      content: file.content,
      input: undefined,
      plan: undefined,
      errors: null,
      model: null,
      outputFileId: null,
      errorFileId: null,
      doneAtCancel: undefined,
      finalCounts: undefined,
      usage: { inputTokens: 0, outputTokens: 0 },
      isRetrieved: false,
    };
    file.isUsed = true;
    desk.openAiBatches.set(batch.id, batch);
    desk.books.created += 1;
    desk.agenda.add(batch.timeline.startsAtMs, (atMs) => this.#start(batch, atMs));
    return batch;
  }

  /** Asks a batch to stop; false when it has ended. */
  cancel(batch: OpenAiBatch, atMs: number): boolean {
    if (batch.status === 'cancelling') return true;
    if (!['validating', 'in_progress', 'finalizing'].includes(batch.status)) return false;
    batch.doneAtCancel = doneCount(batch, atMs);
    enter(batch, 'cancelling', atMs);
    const { agenda, settings } = this.#desk;
    agenda.add(atMs + settings.cancellingMs, (endMs) => this.#end(batch, 'cancelled', endMs));
    return true;
  }

  #start(batch: OpenAiBatch, atMs: number): void {
    if (batch.status !== 'validating') return;
    const { agenda, books } = this.#desk;
    const input = this.#validate(batch);
    batch.content = undefined;
    if (!('queue' in input)) {
      batch.errors = input;
      enter(batch, 'failed', atMs);
      this.#desk.announce('batch.failed', batch.id, atMs);
      return;
    }
    batch.input = input;
    batch.model = input.model;
    batch.plan = new RowPlan(batch.fate, input.customIds, this.#desk.settings);
    for (const index of input.queue.bad) batch.plan.fail(index);
    input.queue.enter(books);
    books.enqueue(input.model, input.queue.promptTokens);
    enter(batch, 'in_progress', atMs);
    const { rowsEndAtMs, endsAtMs, cancelsAtMs } = batch.timeline;
    const { ending } = batch.fate;
    agenda.add(cancelsAtMs, (dueMs) => this.cancel(batch, dueMs));
    if (endsAtMs < Number.POSITIVE_INFINITY) {
      agenda.add(rowsEndAtMs, (dueMs) => enterIf(batch, 'in_progress', 'finalizing', dueMs));
      agenda.add(endsAtMs, (dueMs) => this.#end(batch, 'completed', dueMs));
    }
    // Documented: Azure lets a batch run on past its window.
    if (ending === 'expire' || (ending !== 'stick' && !batch.isAzure)) {
      agenda.add(batch.expiresAtMs, (dueMs) => this.#end(batch, 'expired', dueMs));
    }
  }

  #validate(batch: OpenAiBatch): BatchInput | readonly BatchError[] {
    const { worker, settings, books } = this.#desk;
    const { ending, scripted } = batch.fate;
    if (ending === 'fail') {
      const errors = scripted?.errors ?? [
        { code: 'invalid_request', message: 'The batch failed. (Simulated.)' },
      ];
      return errors.map(({ code, message, param = null, line = null }) => {
        return { code, message, param, line };
      });
    }
    const rules = {
      endpoint: this.#findEndpoint(batch.endpoint),
      url: batch.endpoint,
      maxRequests: settings.maxRequests ?? (batch.isAzure ? AZURE_MAX_REQUESTS : MAX_REQUESTS),
      maxBytes: settings.maxInputBytes ?? MAX_BATCH_INPUT_BYTES,
    };
    const input = readInput(batch.content ?? Buffer.alloc(0), rules, worker);
    if (!('queue' in input)) return input;
    const { organization } = worker.provider.settings;
    const limit = worker.provider.modelSettings(input.model)?.enqueuedTokens;
    if (limit === undefined) return input;
    if (books.enqueuedOn(input.model) + input.queue.promptTokens <= limit) return input;
    const message = `Enqueued token limit reached for ${input.model} in organization ${organization}. Limit: ${limit.toLocaleString('en-US')} enqueued tokens. Please try again once some in_progress batches have been completed.`;
    return [{ code: 'token_limit_exceeded', message, param: null, line: null }];
  }

  /** Ends a batch that has not ended: works on what was done, writes the files, frees the queue. */
  #end(batch: OpenAiBatch, status: 'completed' | 'expired' | 'cancelled', atMs: number): void {
    const isCancelling = batch.status === 'cancelling';
    if (isCancelling ? status !== 'cancelled' : !isRunning(batch.status)) return;
    const desk = this.#desk;
    const { input, plan } = batch;
    if (input && plan) {
      const done = status === 'completed' ? input.lines.length : doneCount(batch, atMs);
      const cancelled = desk.settings.cancelledRows === 'error_file' ? CANCELLED : undefined;
      const unfinished = status === 'expired' ? EXPIRED : cancelled;
      const endpoint = this.#findEndpoint(batch.endpoint);
      const ending = { done, unfinished };
      const results = writeResults(batch, input, ending, endpoint, desk.worker, desk.settings);
      const failed = plan.failedAmong(done);
      batch.finalCounts = { total: input.lines.length, completed: done - failed, failed };
      batch.usage = results.usage;
      batch.outputFileId = this.#keep(batch, 'output', results.output, atMs, () => {
        for (const record of results.answered) record.isServed = true;
      });
      batch.errorFileId = this.#keep(batch, 'error', this.#errorContent(results.errors), atMs);
      input.queue.leave();
      desk.books.enqueue(input.model, -input.queue.promptTokens);
    }
    if (batch.errorFileId === null && desk.settings.quirks.has('blank_error_file_id')) {
      batch.errorFileId = '';
    }
    batch.content = undefined;
    batch.input = undefined;
    batch.plan = undefined;
    batch.finalCounts ??= { total: 0, completed: 0, failed: 0 };
    enter(batch, status, atMs);
    desk.announce(`batch.${status}`, batch.id, atMs);
  }

  #errorContent(errors: Buffer | undefined): Buffer | undefined {
    const { quirks } = this.#desk.settings;
    return errors ?? (quirks.has('empty_error_file') ? Buffer.alloc(0) : undefined);
  }

  /** Keeps a result file, if there is anything in it. Returns its id. */
  #keep(
    batch: OpenAiBatch,
    kind: 'output' | 'error',
    content: Buffer | undefined,
    createdAtMs: number,
    onDownload?: () => void,
  ): string | null {
    if (content === undefined) return null;
    const file = {
      purpose: 'batch_output',
      filename: `${batch.id}_${kind}.jsonl`,
      content,
      createdAtMs,
      expiresAfterSeconds: batch.outputExpiresAfterSeconds,
      ...(onDownload && { onDownload }),
    };
    return this.#desk.files.add(file, batch.isAzure).id;
  }
}

/** `24h` and `7d` in milliseconds. */
function windowMs(window: string): number {
  const hours = Number(window.slice(0, -1)) * (window.endsWith('d') ? 24 : 1);
  return hours * HOUR_MS;
}

function batchId(hex: string, isAzure: boolean): string {
  if (!isAzure) return `batch_${hex}`;
  const cuts = [0, 8, 12, 16, 20, 32];
  const parts = cuts.slice(1).map((end, index) => hex.slice(cuts[index], end));
  return `batch_${parts.join('-')}`;
}

function isRunning(status: BatchStatus): boolean {
  return status === 'in_progress' || status === 'finalizing';
}

function enter(batch: OpenAiBatch, status: BatchStatus, atMs: number): void {
  batch.status = status;
  batch.enteredAtMs[status] = atMs;
}

function enterIf(batch: OpenAiBatch, from: BatchStatus, to: BatchStatus, atMs: number): void {
  if (batch.status === from) enter(batch, to, atMs);
}
