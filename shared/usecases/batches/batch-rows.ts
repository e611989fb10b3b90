import { decodeRefusedRow, type RefusedRow } from '../../contracts/refused-rows.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import { AppError } from '../../domain/errors.ts';
import type { RequestView } from '../../domain/requests/request.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import type { RequestStore } from '../../ports/request-store.ts';
import { readLines } from './read-lines.ts';
import { refusedParts } from './refused-parts.ts';

/** One answered line of a batch. */
export type BatchRow =
  | {
      readonly kind: 'ended';
      readonly view: RequestView;
      readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
      /** The result line as it is stored. */
      readonly line: Uint8Array;
    }
  | { readonly kind: 'refused'; readonly row: RefusedRow };

export interface BatchRowsDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
  readonly contents: FileContents;
}

/** Rows looked up at once: each look costs a round trip, whatever it finds. */
const PAGE = 1_000;
/** Answers read at once, unless one alone is larger. Unit: bytes. */
const MOST_BYTES = 8_388_608;

/** What is answered of a batch, some rows at a time: those refused first, then in order of publication. */
export async function* batchRows(
  { requests, payloads, contents }: BatchRowsDeps,
  batch: BatchRecord,
  wanted: { readonly refused: boolean; readonly status: (status: BatchStatusWord) => boolean },
): AsyncGenerator<BatchRow[]> {
  const { tenant, id: batchId } = batch;
  if (wanted.refused) {
    for await (const rows of refusedRows({ contents }, batch)) {
      yield rows.map((row) => ({ kind: 'refused', row }));
    }
  }
  let after: string | null = null;
  do {
    const page = await requests.published({ tenant, batchId, after, limit: PAGE });
    const views = page.items.filter(
      (view): view is EndedView => view.outcome !== null && wanted.status(view.outcome.status),
    );
    for (const group of bySize(views)) yield await readRows(payloads, group);
    after = page.next;
  } while (after !== null);
}

type EndedView = RequestView & { readonly outcome: NonNullable<RequestView['outcome']> };

async function readRows(payloads: PayloadStore, views: readonly EndedView[]): Promise<BatchRow[]> {
  const lines = await payloads.read(views.map(({ outcome }) => outcome.result));
  return views.map((view, index) => {
    const line = lines[index];
    if (line === undefined) throw new AppError('internal', 'A stored result has no line');
    return { kind: 'ended', view, status: view.outcome.status, line };
  });
}

/** Neighbours whose answers are held at once. */
function* bySize(views: readonly EndedView[]): Generator<EndedView[]> {
  let group: EndedView[] = [];
  let bytes = 0;
  for (const view of views) {
    const { length } = view.outcome.result;
    if (group.length > 0 && bytes + length > MOST_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(view);
    bytes += length;
  }
  if (group.length > 0) yield group;
}

/** How lines that never became requests are answered, some at a time. */
export async function* refusedRows(
  { contents }: Pick<BatchRowsDeps, 'contents'>,
  batch: BatchRecord,
): AsyncGenerator<RefusedRow[]> {
  const start = { number: 1, offset: 0 };
  const parts = await refusedParts(contents, batch);
  for await (const lines of readLines(contents, batch.tenant, parts, start)) {
    yield lines.flatMap(({ bytes }) => (bytes === null ? [] : [decodeRefusedRow(bytes)]));
  }
}

type BatchStatusWord = NonNullable<RequestView['outcome']>['status'];
