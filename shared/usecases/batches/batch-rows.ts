import { decodeRefusedRow, type RefusedRow } from '../../contracts/refused-rows.ts';
import { readStoredAnswer, type StoredAnswer } from '../../contracts/stored-answer.ts';
import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { RequestView } from '../../domain/requests/request.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import type { RequestStore } from '../../ports/request-store.ts';
import { readLines } from './read-lines.ts';

/** One answered line of a batch. */
export type BatchRow =
  | {
      readonly kind: 'ended';
      readonly view: RequestView;
      readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
      readonly answer: StoredAnswer;
      /** The result line as it is stored. */
      readonly line: Uint8Array;
    }
  | { readonly kind: 'refused'; readonly row: RefusedRow };

export interface BatchRowsDeps {
  readonly requests: RequestStore;
  readonly payloads: PayloadStore;
  readonly contents: FileContents;
}

/** Rows read at once. */
const PAGE = 250;

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
      ({ outcome }) => outcome !== null && wanted.status(outcome.status),
    );
    const pointers = views.flatMap(({ outcome }) => (outcome === null ? [] : [outcome.result]));
    const lines = pointers.length === 0 ? [] : await payloads.read(pointers);
    const rows = views.flatMap((view, index): BatchRow[] => {
      const line = lines[index];
      const answer = line && readStoredAnswer(Buffer.from(line).toString());
      if (line === undefined || view.outcome === null || !answer) return [];
      return [{ kind: 'ended', view, status: view.outcome.status, answer, line }];
    });
    if (rows.length > 0) yield rows;
    after = page.next;
  } while (after !== null);
}

/** How lines that never became requests are answered, some at a time. */
export async function* refusedRows(
  { contents }: Pick<BatchRowsDeps, 'contents'>,
  { tenant, refused }: BatchRecord,
): AsyncGenerator<RefusedRow[]> {
  const start = { number: 1, offset: 0 };
  for await (const lines of readLines(contents, tenant, refused.parts, start)) {
    yield lines.flatMap(({ bytes }) => (bytes === null ? [] : [decodeRefusedRow(bytes)]));
  }
}

type BatchStatusWord = NonNullable<RequestView['outcome']>['status'];
