import { compose } from '../answers.ts';
import { bill } from '../billing.ts';
import type { RequestRecord } from '../books.ts';
import type { Call, Endpoint, Problem, Usage } from '../call.ts';
import type { Mark } from '../prompt-cache.ts';
import type { Provider } from '../provider.ts';
import type { BatchBooks } from './batch-books.ts';

/** What came of one row that was worked on. */
interface WorkedRow {
  /** The answer's body as JSON. */
  readonly body: string;
  readonly usage: Usage;
  readonly record: RequestRecord;
}

/** Prefixes that the rows of one batch write; they are warm for others when the batch ends. */
export type WrittenPrefixes = Map<string, Map<number, Mark>>;

/** Works on rows of batches as on live requests, with the same answers and books, at the price of a batch. */
export class RowWorker {
  readonly provider: Provider;
  readonly #books: () => BatchBooks;

  constructor(provider: Provider, books: () => BatchBooks) {
    this.provider = provider;
    this.#books = books;
  }

  read(endpoint: Endpoint, body: unknown): Call | Problem {
    const { provider } = this;
    return endpoint.read(body, {
      settings: provider.settings,
      model: (name) => provider.modelSettings(name),
    });
  }

  recordOf(call: Call, text: string): RequestRecord {
    return this.provider.identify(call, text, undefined).record;
  }

  /**
   * Answers a row as of the instant it ran. Rows of one batch run side by side: they read prefixes
   * that were warm before, and keep those warm, but not what their siblings write.
   */
  work(call: Call, text: string, ranAtMs: number, written: WrittenPrefixes): WorkedRow {
    const { provider } = this;
    const { settings, books } = provider;
    const runtime = provider.runtime(call.model);
    const { ids, record, base } = provider.identify(call, text, undefined);
    record.attempts += 1;
    const { usage: read, carried } = runtime.cache.read(call, ranAtMs);
    for (const mark of carried) {
      if (mark.tokens === read.cachedTokens) runtime.cache.carry([mark], ranAtMs, ranAtMs);
      else writtenOf(written, call.model).set(mark.key, mark);
    }
    const composed = compose(call, ids, base, settings, undefined);
    const usage = { ...read, outputTokens: composed.outputTokens * call.choices };
    const work = { call, record, runtime, books };
    const batchBooks = this.#books();
    batchBooks.costMillionths += bill(work, usage, settings.batches.priceFactor, settings.prices);
    batchBooks.rowsBilled += 1;
    const body = call.render({
      id: provider.nextId(),
      createdAtMs: ranAtMs,
      text: composed.text,
      finish: composed.finish,
      usage,
      snapshot: runtime.settings.snapshot ?? call.model,
      isBatch: true,
    });
    return { body, usage, record };
  }

  /** What the rows of a batch wrote is warm from its end on. */
  warm(written: WrittenPrefixes, endedAtMs: number): void {
    for (const [model, marks] of written) {
      this.provider.runtime(model).cache.carry([...marks.values()], endedAtMs, endedAtMs);
    }
  }
}

function writtenOf(written: WrittenPrefixes, model: string): Map<number, Mark> {
  const known = written.get(model);
  if (known) return known;
  const marks = new Map<number, Mark>();
  written.set(model, marks);
  return marks;
}
