import type { RequestSpec, RequestView } from '../../../domain/requests/request.ts';
import { placeOfId, type SlicePlace } from '../../../domain/requests/slice-plan.ts';
import { runAt } from '../../../domain/requests/slice-runs.ts';
import { type Item, text } from '../table/attributes.ts';
import { headerKey, outcomeSort, slicePartition } from '../table/keys.ts';
import type { Table } from '../table/table.ts';
import { decodeOutcome } from './outcome-codec.ts';
import { decodeHeader, isHeader, type SliceHeader } from './slice-header.ts';
import { placeOfAlias, type SliceReader } from './slice-reader.ts';

interface Ref {
  readonly tenant: string;
  readonly id: string;
}

interface Found {
  readonly header: SliceHeader;
  readonly index: number;
  readonly outcome: string | null;
}

/** Requests as their callers see them. */
export class Views {
  readonly #table: Table;
  readonly #reader: SliceReader;

  constructor(table: Table, reader: SliceReader) {
    this.#table = table;
    this.#reader = reader;
  }

  /**
   * Index-aligned; `null` for a request that is not there. One round of reads where the id says
   * where the request stands, two where an alias does, and the manifests.
   */
  async find(refs: readonly Ref[]): Promise<(RequestView | null)[]> {
    const places = refs.map(({ id }) => placeOfId(id) ?? { id, index: 0 });
    const first = await this.#read(refs, places);
    const aliases = new Map<number, SlicePlace>();
    first.forEach(({ item }, index) => {
      if (item !== null && !isHeader(item)) aliases.set(index, placeOfAlias(item));
    });
    const aliased = [...aliases.keys()];
    const second = await this.#read(
      aliased.flatMap((index) => refs[index] ?? []),
      [...aliases.values()],
    );
    const found = first.map(({ item, outcome }, index): Found | null => {
      const at = aliased.indexOf(index);
      const read = at < 0 ? { item, outcome } : second[at];
      const place = aliases.get(index) ?? places[index];
      if (read === undefined || place === undefined || !isHeader(read.item)) return null;
      const header = decodeHeader(read.item);
      if (header.state === 'void') return null;
      return { header, index: place.index, outcome: header.outcome ?? read.outcome };
    });
    const specs = await this.#reader.specsOf(
      found.flatMap((entry) => (entry === null ? [] : [entry.header.facts])),
    );
    const inOrder = specs.values();
    return found.map((entry, at) => {
      const spec = entry === null ? undefined : inOrder.next().value?.get(entry.index);
      return entry === null || spec?.id !== refs[at]?.id || spec === undefined
        ? null
        : viewOf(entry.header, entry.index, spec, entry.outcome);
    });
  }

  async #read(refs: readonly Ref[], places: readonly SlicePlace[]) {
    const headers = places.map(({ id }, at) => headerKey(refs[at]?.tenant ?? '', id));
    const outcomes = places.map(({ id, index }, at) => ({
      pk: slicePartition(refs[at]?.tenant ?? '', id),
      sk: outcomeSort(index),
    }));
    const items = await this.#table.getMany([...headers, ...outcomes]);
    return places.map((_, at): { item: Item | null; outcome: string | null } => {
      const outcome = items[headers.length + at] ?? null;
      return {
        item: items[at] ?? null,
        outcome: outcome === null ? null : text(outcome, 'o'),
      };
    });
  }
}

/** A request of a slice, from the slice's header and the request's outcome. */
export function viewOf(
  { runs }: SliceHeader,
  index: number,
  spec: RequestSpec,
  stored: string | null,
): RequestView {
  if (stored !== null) {
    const outcome = decodeOutcome(stored, spec.tenant, spec.id);
    const { status, attempts } = outcome;
    return { ...spec, status, attempts, notBeforeMs: 0, outcome };
  }
  const run = runAt(runs, index);
  // A request without a run has an outcome; it was published after the outcomes were read.
  const isQueued = run !== null && run.owner === null;
  return {
    ...spec,
    ...(run?.route === 'native' ? { route: run.route } : {}),
    status: isQueued ? 'queued' : 'running',
    attempts: run?.attempts ?? 0,
    notBeforeMs: isQueued ? run.dueAtMs : 0,
    outcome: null,
  };
}
