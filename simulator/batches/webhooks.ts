import { createHmac } from 'node:crypto';
import type { SimulatorClock } from '../clock.ts';
import type { Settings } from '../options.ts';
import { drawBase, uniform } from '../random.ts';
import type { Agenda } from './agenda.ts';
import type { WebhookStats } from './batch-books.ts';
import type { WebhookSettings } from './webhook-options.ts';

export type EventType = `batch.${'completed' | 'failed' | 'expired' | 'cancelled'}`;

/** Documented: an event that is not accepted is sent again, ever later, for up to 72 hours. */
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 72 * 3_600_000;

/** A receiver that does not answer for so long has refused. */
const CALL_TIMEOUT_MS = 10_000;

const LOST_STREAM = 0;
const DUPLICATE_STREAM = 1;
const ORDER_STREAM = 2;

interface Event {
  readonly id: string;
  readonly body: string;
  readonly happenedAtMs: number;
}

/** Tells a receiver on this machine of batches that ended, signed by Standard Webhooks. */
export class Webhooks {
  readonly #agenda: Agenda;
  readonly #clock: SimulatorClock;
  readonly #settings: () => Settings;
  readonly #fetch: typeof fetch;
  #events = 0;
  #counts = { sent: 0, delivered: 0, lost: 0, duplicated: 0, outOfOrder: 0 };
  /** Calls go out one after another, so that they arrive in the order of their times. */
  #calls: Promise<void> = Promise.resolve();
  #alarm: { readonly atMs: number; readonly off: AbortController } | undefined;

  constructor(
    agenda: Agenda,
    clock: SimulatorClock,
    settings: () => Settings,
    callOut: typeof fetch,
  ) {
    this.#fetch = callOut;
    this.#agenda = agenda;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Sends word of a batch, unless the event is to be lost. */
  announce(type: EventType, batchId: string, atMs: number): void {
    const { seed, batches } = this.#settings();
    const settings = batches.webhooks;
    if (settings === undefined) return;
    this.#events += 1;
    const base = drawBase(seed, `event/${this.#events}`, 1);
    if (uniform(base, LOST_STREAM) < settings.lostShare) {
      this.#counts.lost += 1;
      return;
    }
    const id = `evt_${base.toString(16).padStart(8, '0')}${this.#events.toString(16).padStart(24, '0')}`;
    const created = Math.floor(atMs / 1_000);
    const content = { id, object: 'event', created_at: created, type, data: { id: batchId } };
    const event = { id, body: JSON.stringify(content), happenedAtMs: atMs };
    const isLate = uniform(base, ORDER_STREAM) < settings.outOfOrderShare;
    if (isLate) this.#counts.outOfOrder += 1;
    const sendAtMs = atMs + settings.delayMs + (isLate ? settings.outOfOrderMs : 0);
    this.#schedule(event, sendAtMs, FIRST_RETRY_MS);
    if (uniform(base, DUPLICATE_STREAM) >= settings.duplicateShare) return;
    this.#counts.duplicated += 1;
    this.#schedule(event, sendAtMs, FIRST_RETRY_MS);
  }

  /** Makes sure that events leave on time though nobody asks anything: the one thing that cannot wait for a look. */
  watch(): void {
    const { nextAtMs } = this.#agenda;
    if (this.#settings().batches.webhooks === undefined || nextAtMs === undefined) return;
    if (this.#alarm !== undefined && this.#alarm.atMs <= nextAtMs) return;
    this.#alarm?.off.abort();
    const alarm = { atMs: nextAtMs, off: new AbortController() };
    this.#alarm = alarm;
    const delayMs = Math.max(0, nextAtMs - this.#clock.nowMs());
    void this.#clock.sleep(delayMs, alarm.off.signal).then(() => {
      if (this.#alarm !== alarm) return;
      this.#alarm = undefined;
      this.#agenda.settle(this.#clock.nowMs());
      this.watch();
    });
  }

  /** Resolves when every call that has begun is answered. */
  async idle(): Promise<void> {
    let calls: Promise<void>;
    do {
      calls = this.#calls;
      await calls;
    } while (calls !== this.#calls);
  }

  /** Sends nothing more of its own accord. */
  stop(): void {
    this.#alarm?.off.abort();
    this.#alarm = undefined;
  }

  reset(): void {
    this.stop();
    this.#events = 0;
    this.#counts = { sent: 0, delivered: 0, lost: 0, duplicated: 0, outOfOrder: 0 };
  }

  stats(): WebhookStats {
    return { events: this.#events, ...this.#counts };
  }

  #schedule(event: Event, atMs: number, retryMs: number): void {
    this.#agenda.add(atMs, (dueMs) => {
      this.#calls = this.#calls.then(() => this.#deliver(event, dueMs, retryMs));
    });
  }

  async #deliver(event: Event, dueMs: number, retryMs: number): Promise<void> {
    const settings = this.#settings().batches.webhooks;
    if (settings === undefined) return;
    this.#counts.sent += 1;
    const nowMs = settings.stampedBy === 'system' ? Date.now() : dueMs;
    if (await this.#call(settings, event, Math.floor(nowMs / 1_000))) {
      this.#counts.delivered += 1;
      return;
    }
    if (dueMs + retryMs > event.happenedAtMs + LAST_RETRY_MS) return;
    this.#schedule(event, dueMs + retryMs, retryMs * 2);
    this.watch();
  }

  /** Whether the receiver accepted the event. */
  async #call(
    { url, secret }: WebhookSettings,
    { id, body }: Event,
    timestamp: number,
  ): Promise<boolean> {
    const signed = `${id}.${timestamp}.${body}`;
    const signature = createHmac('sha256', keyOf(secret)).update(signed).digest('base64');
    try {
      const response = await this.#fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': `v1,${signature}`,
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}

/** A secret of the standard form carries its key in base64. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret);
}
