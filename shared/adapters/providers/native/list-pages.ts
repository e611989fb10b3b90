/** A provider's list of batches, page by page, and whole: a job is created again if it is not in it. */

import type { NativeBatchView } from '../../../domain/native/native-batch.ts';
import type {
  NativeBatchFailure,
  NativeBatchResult,
} from '../../../ports/native-batch-provider.ts';
import { isRecord } from '../json.ts';
import type { NativeDialect, Query } from './native-dialect.ts';
import { entriesOf } from './view-fields.ts';

/** A provider's clock may be behind ours, and its instants are whole seconds. Unit: ms. */
const CLOCK_TOLERANCE_MS = 120_000;
const MOST_PAGES = 1_000;

export interface PageReading {
  readonly native: NativeDialect;
  readonly sinceMs: number;
  readonly nowMs: () => number;
  readonly ask: (query: Query) => Promise<NativeBatchResult<unknown>>;
  readonly malformed: (detail: string) => NativeBatchFailure;
}

export async function* readPages({
  native,
  sinceMs,
  nowMs,
  ask,
  malformed,
}: PageReading): AsyncGenerator<NativeBatchResult<readonly NativeBatchView[]>, void> {
  const earliestMs = sinceMs - CLOCK_TOLERANCE_MS;
  const asked = new Set<string>();
  let query: Query | null = native.firstPage(earliestMs);
  let previousMs = Number.POSITIVE_INFINITY;
  for (let index = 0; query !== null; index += 1) {
    const key = new URLSearchParams(query).toString();
    if (asked.has(key) || index >= MOST_PAGES) {
      yield malformed(`The list of batches does not come to an end (page ${index + 1})`);
      return;
    }
    asked.add(key);
    const page = await ask(query);
    if (page.kind === 'failed') {
      yield page;
      return;
    }
    const body = page.value;
    const entries = isRecord(body) ? entriesOf(body) : null;
    if (!isRecord(body) || entries === null) {
      yield malformed('The answer is no list of batches');
      return;
    }
    const views = entries
      .map((entry) => native.readBatch(entry, nowMs()))
      .filter((view) => view !== null);
    yield { kind: 'done', value: views.filter((view) => view.createdAtMs >= earliestMs) };
    // All that follow are older still, if the list is in order; not every provider says so.
    const instants = [previousMs, ...views.map((view) => view.createdAtMs)];
    const isOrdered = instants.every((atMs, at) => at === 0 || atMs <= (instants[at - 1] ?? atMs));
    previousMs = isOrdered ? (instants.at(-1) ?? previousMs) : Number.NEGATIVE_INFINITY;
    if (isOrdered && views.length > 0 && previousMs < earliestMs) return;
    query = native.nextPage({ body, index, query, entries });
  }
}
