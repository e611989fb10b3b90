/** A provider's batches in virtual time: they end when they are told to, rows are done evenly. */

import type { NativeBatchView, NativeRow } from '../../shared/domain/native/native-batch.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type {
  NativeBatchInput,
  NativeBatchProvider,
  NativeBatchResult,
} from '../../shared/ports/native-batch-provider.ts';

/** When batches end. */
export interface BatchTimes {
  /** From its creation to its end, `Infinity` for one that never ends by itself. Unit of all: ms. */
  readonly turnaroundMs: (batch: NewBatch) => number;
  /** From the wish to cancel the nth batch to its end, at most. */
  readonly cancelMs: (nth: number) => number;
}

export interface NewBatch {
  /** From the start of the provider. Unit: ms. */
  readonly createdAtMs: number;
  /** From its creation to the earliest deadline of its rows; `null` where none has one. Unit: ms. */
  readonly slackMs: number | null;
}

/** A request's place in a batch. */
export interface BatchPlace extends NewBatch {
  readonly turnaroundMs: number;
  /** Of the batch, when the row is done. */
  readonly share: number;
}

const DAY_MS = 86_400_000;

interface Row {
  readonly rowId: string;
  readonly requestId: string;
}

interface Batch {
  readonly id: string;
  readonly nth: number;
  readonly jobId: string;
  readonly rows: readonly Row[];
  readonly createdAtMs: number;
  readonly turnaroundMs: number;
  cancelledAtMs: number | null;
  endsAtMs: number;
  isBilled: boolean;
}

export class VirtualBatches implements NativeBatchProvider {
  readonly name: string;
  readonly limits = {
    mostRows: 50_000,
    mostBytes: 200_000_000,
    rowOverheadBytes: 200,
    rowIdPattern: /^.{1,64}$/,
  };
  /** How often each request was answered by a batch. */
  readonly billed = new Map<string, number>();
  /** Where each request was first. */
  readonly firstPlaces = new Map<string, BatchPlace>();
  private readonly clock: Clock;
  private readonly times: BatchTimes;
  private readonly startMs: number;
  private readonly batches = new Map<string, Batch>();

  constructor(name: string, clock: Clock, times: BatchTimes) {
    this.name = name;
    this.clock = clock;
    this.times = times;
    this.startMs = clock.nowMs();
  }

  async upload(): Promise<NativeBatchResult<string | null>> {
    return { kind: 'done', value: 'file' };
  }

  async create(input: NativeBatchInput): Promise<NativeBatchResult<NativeBatchView>> {
    const rows: Row[] = [];
    let soonestMs = Number.POSITIVE_INFINITY;
    for await (const { rowId, body } of input.rows()) {
      const deadlineAtMs = body['deadline_at_ms'];
      if (typeof deadlineAtMs === 'number') soonestMs = Math.min(soonestMs, deadlineAtMs);
      rows.push({ rowId, requestId: String(body['id']) });
    }
    const nth = this.batches.size;
    const createdAtMs = this.clock.nowMs();
    const fresh: NewBatch = {
      createdAtMs: createdAtMs - this.startMs,
      slackMs: Number.isFinite(soonestMs) ? soonestMs - createdAtMs : null,
    };
    const turnaroundMs = this.times.turnaroundMs(fresh);
    for (const [index, { requestId }] of rows.entries()) {
      if (this.firstPlaces.has(requestId)) continue;
      const share = (index + 1) / rows.length;
      this.firstPlaces.set(requestId, { ...fresh, turnaroundMs, share });
    }
    const batch: Batch = {
      ...{ id: `batch-${nth}`, nth, jobId: input.jobId, rows, createdAtMs, turnaroundMs },
      cancelledAtMs: null,
      endsAtMs: createdAtMs + Math.min(turnaroundMs, DAY_MS),
      isBilled: false,
    };
    this.batches.set(batch.id, batch);
    return { kind: 'done', value: this.viewOf(batch) };
  }

  async *list(): AsyncGenerator<NativeBatchResult<readonly NativeBatchView[]>> {
    yield { kind: 'done', value: [...this.batches.values()].map((batch) => this.viewOf(batch)) };
  }

  async get(id: string): Promise<NativeBatchResult<NativeBatchView>> {
    return { kind: 'done', value: this.viewOf(this.batchOf(id)) };
  }

  async cancel(id: string): Promise<NativeBatchResult<NativeBatchView>> {
    const batch = this.batchOf(id);
    const nowMs = this.clock.nowMs();
    if (batch.cancelledAtMs === null && nowMs < batch.endsAtMs) {
      batch.cancelledAtMs = nowMs;
      batch.endsAtMs = Math.min(batch.endsAtMs, nowMs + this.times.cancelMs(batch.nth));
    }
    return { kind: 'done', value: this.viewOf(batch) };
  }

  async *rows({ output }: { readonly output: string }): AsyncGenerator<NativeRow> {
    const batch = this.batchOf(output);
    const done = doneOf(batch);
    const reason = batch.cancelledAtMs === null ? 'expired' : 'cancelled';
    for (const [index, { rowId, requestId }] of batch.rows.entries()) {
      if (index >= done) yield { kind: 'unfinished', rowId, reason };
      else {
        yield {
          kind: 'answered',
          rowId,
          statusCode: 200,
          requestId: `upstream-${rowId}`,
          bodyJson: JSON.stringify({ answer: requestId }),
          usage: ONE_ANSWER,
          finishReason: 'stop',
        };
      }
    }
  }

  async deleteFiles(): Promise<NativeBatchResult<null>> {
    return { kind: 'done', value: null };
  }

  async close(): Promise<void> {}

  private batchOf(id: string): Batch {
    const batch = this.batches.get(id);
    if (batch === undefined) throw new Error(`No batch ${id} was created`);
    return batch;
  }

  private viewOf(batch: Batch): NativeBatchView {
    const hasEnded = this.clock.nowMs() >= batch.endsAtMs;
    if (hasEnded) this.bill(batch);
    const total = batch.rows.length;
    const completed = hasEnded ? doneOf(batch) : 0;
    const end =
      completed === total ? 'completed' : batch.cancelledAtMs === null ? 'expired' : 'cancelled';
    const going = batch.cancelledAtMs === null ? 'in_progress' : 'cancelling';
    return {
      id: batch.id,
      end: hasEnded ? end : null,
      rawStatus: hasEnded ? end : going,
      isCancelling: batch.cancelledAtMs !== null,
      counts: { total, completed, failed: 0 },
      createdAtMs: batch.createdAtMs,
      expiresAtMs: batch.createdAtMs + DAY_MS,
      outputs: hasEnded ? [batch.id] : [],
      faults: [],
      jobId: batch.jobId,
      inputFileId: 'file',
      retryAfterMs: null,
    };
  }

  private bill(batch: Batch): void {
    if (batch.isBilled) return;
    batch.isBilled = true;
    for (const { requestId } of batch.rows.slice(0, doneOf(batch))) {
      this.billed.set(requestId, (this.billed.get(requestId) ?? 0) + 1);
    }
  }
}

/** One that never ends by itself has done half of its rows in a day. */
function doneOf({ rows, createdAtMs, endsAtMs, turnaroundMs }: Batch): number {
  const share = (endsAtMs - createdAtMs) / Math.min(turnaroundMs, 2 * DAY_MS);
  return Math.floor(rows.length * Math.min(1, share));
}

const ONE_ANSWER = {
  inputTokens: 100,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 50,
};
