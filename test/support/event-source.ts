/**
 * Lambda's event-source mapping of an SQS standard queue, on a clock of its own. Kept to the
 * rules in the facts on reliability (section 1; row numbers in brackets), which no emulator models.
 */

import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { FunctionModel, Invocation } from './function-model.ts';
import type { QueueModel, ReceivedMessage } from './queue-model.ts';

/** A whole batch, envelopes included [12]. Unit: bytes. */
export const MOST_EVENT_BYTES = 6 * 1_048_576;
const MOST_BATCH = 10_000;
/** Beyond so many a window of at least a second is needed [12]. */
const MOST_BATCH_WITHOUT_WINDOW = 10;
/** [14] */
const LONGEST_WINDOW_MS = 300_000;
/** [15] */
const CONCURRENCY = { least: 2, most: 1_000 };
/** Batches gathered side by side from the start. */
const FIRST_POLLERS = 5;
const MESSAGES_PER_CALL = 10;

export interface EventSourceSettings {
  readonly batchSize: number;
  /** How long a batch is gathered, from its first message. */
  readonly windowMs: number;
  readonly maximumConcurrency: number;
  readonly reportsBatchItemFailures: boolean;
  /** Batches gathered side by side; by default five, or fewer where fewer may run. */
  readonly pollers?: number;
}

/** What one batch was and came to. */
export interface Delivery {
  readonly records: number;
  readonly bytes: number;
  /** From the first message received to the invocation. */
  readonly gatheredMs: number;
  readonly invokedAtMs: number;
  readonly outcome: Invocation['kind'];
  /** Messages left in the queue, to be received again. */
  readonly kept: number;
}

interface Batch {
  readonly messages: ReceivedMessage[];
  readonly records: SQSRecord[];
  bytes: number;
}

/** Invokes a function with batches of a queue until it is stopped. */
export class EventSource {
  readonly deliveries: Delivery[] = [];
  private readonly settings: EventSourceSettings;
  private readonly queue: QueueModel;
  private readonly target: FunctionModel<SQSEvent>;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly stopped = new AbortController();
  private readonly idle = new Set<AbortController>();
  /** Received, and too large for the batch they were received for. */
  private readonly overflow: ReceivedMessage[] = [];

  constructor(
    settings: EventSourceSettings,
    { queue, target }: { queue: QueueModel; target: FunctionModel<SQSEvent> },
    { clock, random }: { clock: Clock; random: Random },
  ) {
    refuseUnlessValid(settings, queue, target);
    this.settings = settings;
    this.queue = queue;
    this.target = target;
    this.clock = clock;
    this.random = random;
    queue.onChange(() => this.wakeOne());
  }

  /** Polls until stopped; batches begun are still finished. */
  async run(): Promise<void> {
    const { maximumConcurrency, pollers = FIRST_POLLERS } = this.settings;
    const count = Math.min(pollers, maximumConcurrency);
    await Promise.all(Array.from({ length: count }, () => this.poll()));
  }

  stop(): void {
    this.stopped.abort();
  }

  /** One batch at a time, so that no more are under way than there are pollers [9, 15]. */
  private async poll(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      const batch = await this.gather();
      if (batch !== null) await this.deliver(batch.batch, batch.gatheredMs);
    }
  }

  /** Fills a batch until it is full, too heavy, or its window ends [12, 14]. */
  private async gather(): Promise<{ batch: Batch; gatheredMs: number } | null> {
    const batch: Batch = { messages: [], records: [], bytes: EMPTY_EVENT_BYTES };
    let beganAtMs: number | null = null;
    let isFull = false;
    while (!isFull) {
      const missing = this.settings.batchSize - batch.messages.length;
      const received = this.overflow.splice(0, MESSAGES_PER_CALL);
      if (received.length === 0) {
        received.push(...this.queue.receive(Math.min(missing, MESSAGES_PER_CALL)));
      }
      if (received.length > 0) beganAtMs ??= this.clock.nowMs();
      isFull = this.add(batch, received) || batch.messages.length >= this.settings.batchSize;
      if (isFull || received.length > 0) continue;
      const leftMs =
        beganAtMs === null
          ? Number.POSITIVE_INFINITY
          : beganAtMs + this.settings.windowMs - this.clock.nowMs();
      if (leftMs <= 0 || this.stopped.signal.aborted) break;
      await this.waitForMessages(leftMs);
    }
    if (beganAtMs === null || batch.messages.length === 0) return null;
    return { batch, gatheredMs: this.clock.nowMs() - beganAtMs };
  }

  /** Whether the batch can carry no more; what did not fit begins the next one. */
  private add(batch: Batch, received: readonly ReceivedMessage[]): boolean {
    for (const [index, message] of received.entries()) {
      const record = recordOf(message, this.queue.settings.name);
      const bytes = Buffer.byteLength(JSON.stringify(record)) + 1;
      if (batch.bytes + bytes > MOST_EVENT_BYTES) {
        this.overflow.unshift(...received.slice(index));
        return true;
      }
      batch.messages.push(message);
      batch.records.push(record);
      batch.bytes += bytes;
    }
    return false;
  }

  private async deliver({ messages, records, bytes }: Batch, gatheredMs: number): Promise<void> {
    const invokedAtMs = this.clock.nowMs();
    const invocation = await this.target.invoke({ Records: records });
    const kept = this.keptBy(invocation, messages);
    const finished = messages.filter(({ id }) => !kept.has(id)).map(({ receipt }) => receipt);
    for (let start = 0; start < finished.length; start += MESSAGES_PER_CALL) {
      this.queue.delete(finished.slice(start, start + MESSAGES_PER_CALL));
    }
    this.deliveries.push({
      records: records.length,
      bytes,
      gatheredMs,
      invokedAtMs,
      outcome: invocation.kind,
      kept: messages.length - finished.length,
    });
  }

  /** Messages that stay in the queue until their visibility timeout ends. */
  private keptBy(
    invocation: Invocation,
    messages: readonly ReceivedMessage[],
  ): ReadonlySet<string> {
    const all = new Set(messages.map(({ id }) => id));
    // Throttled counts as received all the same: that burns receive counts [9].
    if (invocation.kind !== 'returned') return all;
    if (!this.settings.reportsBatchItemFailures) return new Set();
    const failures = failuresIn(invocation.value);
    const isBad = failures.some((id) => typeof id !== 'string' || !all.has(id));
    return isBad ? all : new Set(failures.filter((id) => typeof id === 'string'));
  }

  private async waitForMessages(atMostMs: number): Promise<void> {
    const nowMs = this.clock.nowMs();
    const waitMs = Math.min(atMostMs, Math.max(1, this.queue.nextVisibleAtMs() - nowMs));
    const woken = new AbortController();
    this.idle.add(woken);
    const signal = AbortSignal.any([woken.signal, this.stopped.signal]);
    // Without a message in sight there is nothing to wake for but a change.
    if (Number.isFinite(waitMs)) await this.clock.sleep(waitMs, signal);
    else await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.idle.delete(woken);
  }

  /** Which poller gets a message is nobody's choice. */
  private wakeOne(): void {
    const waiting = [...this.idle];
    const chosen = waiting[Math.floor(this.random.next() * waiting.length)];
    if (chosen === undefined) return;
    this.idle.delete(chosen);
    chosen.abort();
  }
}

const EMPTY_EVENT_BYTES = Buffer.byteLength(JSON.stringify({ Records: [] }));

/** What Lambda makes of a message: an envelope of some 0.7 KB around the body [13]. */
function recordOf(message: ReceivedMessage, queueName: string): SQSRecord {
  return {
    messageId: message.id,
    receiptHandle: message.receipt,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: String(message.sentAtMs),
      SenderId: 'AROAEXAMPLEEXAMPLE123:penstock-api',
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    },
    messageAttributes: {},
    md5OfBody: message.md5,
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:us-east-1:123456789012:${queueName}`,
    awsRegion: 'us-east-1',
  };
}

/** Identifiers reported as failed; nothing, or an empty list, is full success [11, 19]. */
function failuresIn(response: unknown): unknown[] {
  if (typeof response !== 'object' || response === null) return [];
  const failures: unknown = Reflect.get(response, 'batchItemFailures');
  if (!Array.isArray(failures)) return [];
  return failures.map((failure: unknown) =>
    typeof failure === 'object' && failure !== null
      ? Reflect.get(failure, 'itemIdentifier') || null
      : null,
  );
}

function refuseUnlessValid(
  { batchSize, windowMs, maximumConcurrency }: EventSourceSettings,
  queue: QueueModel,
  target: FunctionModel<SQSEvent>,
): void {
  if (batchSize < 1 || batchSize > MOST_BATCH) {
    throw new RangeError(`A batch holds 1 to ${MOST_BATCH} messages, not ${batchSize}`);
  }
  if (windowMs < 0 || windowMs > LONGEST_WINDOW_MS) {
    throw new RangeError(`A window lasts 0 to ${LONGEST_WINDOW_MS} ms, not ${windowMs}`);
  }
  if (batchSize > MOST_BATCH_WITHOUT_WINDOW && windowMs < 1_000) {
    throw new RangeError('A batch of more than 10 messages needs a window of a second or more');
  }
  if (maximumConcurrency < CONCURRENCY.least || maximumConcurrency > CONCURRENCY.most) {
    throw new RangeError(
      `Concurrency is ${CONCURRENCY.least} to ${CONCURRENCY.most}, not ${maximumConcurrency}`,
    );
  }
  if (queue.settings.visibilityTimeoutMs < target.timeoutMs) {
    throw new RangeError('Lambda refuses a visibility timeout below the timeout of the function');
  }
}
