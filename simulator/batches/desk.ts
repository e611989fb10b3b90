import type { MessageBatch } from '../anthropic/message-batch.ts';
import type { SimulatorClock } from '../clock.ts';
import { chooseFault, type FaultRule } from '../faults.ts';
import type { OpenAiBatch } from '../openai/batch.ts';
import { FileStore } from '../openai/file-store.ts';
import type { Upload } from '../openai/upload.ts';
import type { Provider } from '../provider.ts';
import { drawBase, uniform } from '../random.ts';
import type { Operation } from '../resources.ts';
import type { Stats } from '../stats.ts';
import { Agenda } from './agenda.ts';
import { BatchBooks } from './batch-books.ts';
import { drawFate, type Fate } from './fate.ts';
import type { BatchSettings } from './options.ts';
import { RowWorker } from './row-worker.ts';
import { type EventType, Webhooks } from './webhooks.ts';

/** An object that a client may ask for by its id. */
interface Kept {
  readonly id: string;
  readonly createdAtMs: number;
}

/** Everything a provider keeps between requests: files, uploads, batches, and what is due when. */
export class BatchDesk {
  readonly worker: RowWorker;
  readonly agenda = new Agenda();
  readonly webhooks: Webhooks;
  readonly uploads = new Map<string, Upload>();
  readonly openAiBatches = new Map<string, OpenAiBatch>();
  readonly messageBatches = new Map<string, MessageBatch>();
  files: FileStore;
  books = new BatchBooks();
  readonly #provider: Provider;
  readonly #clock: SimulatorClock;
  #batches = 0;
  #scriptAt = 0;
  #requests = 0;
  #faultsSinceMs: number;

  constructor(provider: Provider, clock: SimulatorClock, callOut: typeof fetch) {
    this.#provider = provider;
    this.#clock = clock;
    this.#faultsSinceMs = clock.nowMs();
    this.worker = new RowWorker(provider, () => this.books);
    this.files = new FileStore(() => provider.nextId());
    this.webhooks = new Webhooks(this.agenda, clock, () => provider.settings, callOut);
  }

  get settings(): BatchSettings {
    return this.#provider.settings.batches;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  nextId(): string {
    return this.#provider.nextId();
  }

  /** What becomes of the next batch: the next line of the script, or drawn. */
  drawFate(): Fate {
    const scripted = this.settings.script[this.#scriptAt];
    this.#scriptAt += 1;
    this.#batches += 1;
    return drawFate(this.#provider.settings.seed, this.#batches, scripted, this.settings);
  }

  /** The fault that befalls the next request to an operation, if any. */
  drawFault(operation: Operation): FaultRule | undefined {
    this.#requests += 1;
    return chooseFault(this.settings.faults, {
      base: drawBase(this.#provider.settings.seed, `request/${this.#requests}`, 1),
      attempt: 1,
      elapsedMs: this.nowMs() - this.#faultsSinceMs,
      model: '',
      isFlex: false,
      operation,
    });
  }

  /** Whether lists show it yet. */
  isListed({ createdAtMs }: Kept): boolean {
    return this.nowMs() >= createdAtMs + this.settings.lag.listMs;
  }

  /** Whether it is found by its id now. A flicker hides it for the one request. */
  isReadable({ createdAtMs }: Kept): boolean {
    const { readMs, flickerShare } = this.settings.lag;
    if (this.nowMs() < createdAtMs + readMs) return false;
    if (flickerShare === 0) return true;
    this.#requests += 1;
    const base = drawBase(this.#provider.settings.seed, `flicker/${this.#requests}`, 1);
    return uniform(base, 0) >= flickerShare;
  }

  announce(type: EventType, id: string, atMs: number): void {
    this.webhooks.announce(type, id, atMs);
  }

  /** Does what fell due. Every request and every look at the books comes after it. */
  settle(): void {
    this.agenda.settle(this.nowMs());
    this.webhooks.watch();
  }

  /** A changed script, or changed fault rules, count from now. */
  configured(changed: { readonly script: boolean; readonly faults: boolean }): void {
    if (changed.script) this.#scriptAt = 0;
    if (changed.faults) this.#faultsSinceMs = this.nowMs();
    this.webhooks.watch();
  }

  reset(): void {
    this.agenda.clear();
    this.webhooks.reset();
    this.uploads.clear();
    this.openAiBatches.clear();
    this.messageBatches.clear();
    this.files = new FileStore(() => this.nextId());
    this.books = new BatchBooks();
    this.#batches = 0;
    this.#scriptAt = 0;
    this.#requests = 0;
    this.#faultsSinceMs = this.nowMs();
  }

  stats(): Pick<Stats, 'batches' | 'files' | 'webhooks'> {
    const all = [...this.openAiBatches.values(), ...this.messageBatches.values()];
    const orphans = all.filter((batch) => !batch.isRetrieved).length;
    return {
      batches: this.books.snapshot(
        all.map(({ status }) => status),
        orphans,
      ),
      files: this.files.stats(this.nowMs()),
      webhooks: this.webhooks.stats(),
    };
  }
}
