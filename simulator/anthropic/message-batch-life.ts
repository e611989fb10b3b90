import type { BatchDesk } from '../batches/desk.ts';
import { RowPlan } from '../batches/row-plan.ts';
import { doneRows, planTimeline } from '../batches/timeline.ts';
import type { MessageBatch } from './message-batch.ts';
import type { MessageBatchInput } from './message-batch-input.ts';
import { writeMessageResults } from './message-batch-results.ts';

/** Documented. Unit: ms. */
const WINDOW_MS = 86_400_000;

/** Documented: results are kept for 29 days after the creation. Unit: ms. */
const RESULT_LIFE_MS = 29 * 86_400_000;

/** A message batch is in progress from its creation on, and ends when its last request does. */
const NO_PHASES = { validationMs: 0, finalizingMs: 0 };

/** Moves message batches from their creation to their end. */
export class MessageBatchLife {
  readonly #desk: BatchDesk;

  constructor(desk: BatchDesk) {
    this.#desk = desk;
  }

  create({ lines, customIds, queue }: MessageBatchInput): MessageBatch {
    const desk = this.#desk;
    const createdAtMs = desk.nowMs();
    const fate = desk.drawFate();
    const expiresAtMs = createdAtMs + WINDOW_MS;
    const timeline = planTimeline(fate, createdAtMs, expiresAtMs, NO_PHASES);
    const plan = new RowPlan(fate, customIds, desk.settings);
    for (const index of queue.bad) plan.fail(index);
    const batch: MessageBatch = {
      id: `msgbatch_${desk.nextId().slice(-24)}`,
      createdAtMs,
      expiresAtMs,
      fate,
      timeline,
      total: customIds.length,
      status: 'in_progress',
      lines,
      customIds,
      plan,
      queue,
      cancelInitiatedAtMs: undefined,
      endedAtMs: undefined,
      archivedAtMs: undefined,
      doneAtCancel: undefined,
      counts: { succeeded: 0, errored: 0, canceled: 0, expired: 0 },
      results: undefined,
      onDownload: () => undefined,
      isRetrieved: false,
    };
    desk.messageBatches.set(batch.id, batch);
    desk.books.created += 1;
    desk.books.queuedRequests += batch.total;
    queue.enter(desk.books);
    desk.agenda.add(timeline.cancelsAtMs, (atMs) => this.cancel(batch, atMs));
    desk.agenda.add(timeline.endsAtMs, (atMs) => this.#end(batch, 'expired', atMs));
    if (fate.ending !== 'stick') {
      desk.agenda.add(expiresAtMs, (atMs) => this.#end(batch, 'expired', atMs));
    }
    return batch;
  }

  /** Asks a batch to stop; false when it has ended. */
  cancel(batch: MessageBatch, atMs: number): boolean {
    if (batch.status === 'canceling') return true;
    if (batch.status === 'ended') return false;
    batch.status = 'canceling';
    batch.cancelInitiatedAtMs = atMs;
    batch.doneAtCancel = doneRows(batch.timeline, batch.total, atMs);
    const { agenda, settings } = this.#desk;
    agenda.add(atMs + settings.cancellingMs, (endMs) => this.#end(batch, 'canceled', endMs));
    return true;
  }

  /** Ends a batch: requests that were not done are `rest`. */
  #end(batch: MessageBatch, rest: 'canceled' | 'expired', atMs: number): void {
    if (batch.status === 'ended') return;
    if (batch.status === 'canceling' && rest !== 'canceled') return;
    const { worker, settings, books, agenda } = this.#desk;
    const done = batch.doneAtCancel ?? doneRows(batch.timeline, batch.total, atMs);
    const results = writeMessageResults(batch, done, rest, worker, settings, atMs);
    batch.status = 'ended';
    batch.endedAtMs = atMs;
    batch.counts = results.counts;
    batch.results = results.content;
    batch.onDownload = () => {
      for (const record of results.answered) record.isServed = true;
    };
    batch.lines = undefined;
    batch.plan = undefined;
    batch.queue.leave();
    books.queuedRequests -= batch.total;
    agenda.add(batch.createdAtMs + RESULT_LIFE_MS, (archivedAtMs) => {
      batch.archivedAtMs = archivedAtMs;
      batch.results = undefined;
    });
  }
}
