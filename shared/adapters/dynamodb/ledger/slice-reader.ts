import { AppError } from '../../../domain/errors.ts';
import type {
  PayloadPointer,
  RequestOutcome,
  RequestSpec,
} from '../../../domain/requests/request.ts';
import { placeOfId, type SlicePlace } from '../../../domain/requests/slice-plan.ts';
import type { PayloadStore } from '../../../ports/payload-store.ts';
import { type Item, number, text } from '../table/attributes.ts';
import {
  HEADER_SORT,
  headerKey,
  indexOfOutcome,
  outcomeSort,
  slicePartition,
} from '../table/keys.ts';
import type { Table } from '../table/table.ts';
import { decodeOutcome } from './outcome-codec.ts';
import { decodeHeader, isHeader, type SliceFacts, type SliceHeader } from './slice-header.ts';
import type { KnownSlice, SliceMemory } from './slice-memory.ts';
import { decodeSpecs, type SliceSpecs } from './spec-codec.ts';

/** An outcome as its item says it; whose it is, the slice's specs know. */
export interface StoredOutcome {
  readonly index: number;
  readonly text: string;
  /** The request's estimates, so that a sum over what is open needs no manifest. Unit: tokens. */
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
}

/** Where a request stands, and what its slice is. */
export interface Located extends KnownSlice {
  readonly index: number;
  readonly spec: RequestSpec;
}

const decoder = new TextDecoder();

/** Reads slices, consistently. Slices not yet accepted, or called off, are not there. */
export class SliceReader {
  readonly #table: Table;
  readonly #payloads: PayloadStore;
  readonly #memory: SliceMemory;

  constructor(table: Table, payloads: PayloadStore, memory: SliceMemory) {
    this.#table = table;
    this.#payloads = payloads;
    this.#memory = memory;
  }

  /** The headers under these partitions, those that are there. */
  async headers(partitions: readonly string[]): Promise<SliceHeader[]> {
    const items = await this.#table.getMany(partitions.map((pk) => ({ pk, sk: HEADER_SORT })));
    return items.filter(isHeader).map(decodeHeader);
  }

  async header(tenant: string, slice: string): Promise<SliceHeader | null> {
    const [header] = await this.headers([slicePartition(tenant, slice)]);
    return header ?? null;
  }

  /** The requests of the slices, index-aligned. Neighbouring manifests cost one read. */
  async specsOf(facts: readonly SliceFacts[]): Promise<SliceSpecs[]> {
    const specs = facts.map(({ tenant, slice }) => this.#memory.find(tenant, slice)?.specs);
    const pointers: PayloadPointer[] = [];
    const unread: number[] = [];
    facts.forEach((fact, index) => {
      if (specs[index] !== undefined) return;
      if ('inline' in fact.manifest) {
        specs[index] = present(fact, fact.manifest.inline);
        return;
      }
      pointers.push(fact.manifest.pointer);
      unread.push(index);
    });
    const lines = pointers.length === 0 ? [] : await this.#payloads.read(pointers);
    unread.forEach((index, at) => {
      const fact = facts[index];
      if (fact !== undefined) specs[index] = present(fact, decoder.decode(lines[at]));
    });
    return specs.map((found) => found ?? new Map());
  }

  /** The same of slices that are open or done, to be remembered. */
  async known(facts: readonly SliceFacts[]): Promise<KnownSlice[]> {
    const specs = await this.specsOf(facts);
    return facts.map((fact, index) => {
      const known = { facts: fact, specs: specs[index] ?? new Map() };
      this.#memory.remember(known);
      return known;
    });
  }

  /** Where requests stand, index-aligned; `null` for one that was not accepted (yet). */
  async locate(ids: readonly { readonly tenant: string; readonly id: string }[]) {
    const places = await this.#places(ids);
    const wanted = new Map<string, { readonly tenant: string; readonly slice: string }>();
    places.forEach((place, index) => {
      const tenant = ids[index]?.tenant ?? '';
      if (place === null || this.#memory.find(tenant, place.id) !== undefined) return;
      wanted.set(slicePartition(tenant, place.id), { tenant, slice: place.id });
    });
    const headers = await this.headers([...wanted.keys()]);
    const readable = headers.filter(({ state }) => state === 'open' || state === 'done');
    const known = await this.known(readable.map(({ facts }) => facts));
    const read = new Map(
      known.map((slice) => [slicePartition(slice.facts.tenant, slice.facts.slice), slice]),
    );
    return ids.map(({ tenant, id }, index): Located | null => {
      const place = places[index];
      if (!place) return null;
      const slice =
        read.get(slicePartition(tenant, place.id)) ?? this.#memory.find(tenant, place.id);
      const spec = slice?.specs.get(place.index);
      if (slice === undefined || spec?.id !== id) return null;
      return { facts: slice.facts, specs: slice.specs, index: place.index, spec };
    });
  }

  /** Places by memory, by the id itself, or by what lies under the id: a header or an alias. */
  async #places(ids: readonly { readonly tenant: string; readonly id: string }[]) {
    const places = ids.map(({ tenant, id }): SlicePlace | null => {
      const known = this.#memory.place(tenant, id);
      return known === undefined ? placeOfId(id) : { id: known.slice, index: known.index };
    });
    const unknown = ids.flatMap((entry, index) =>
      places[index] === null ? [{ entry, index }] : [],
    );
    const items = await this.#table.getMany(
      unknown.map(({ entry }) => headerKey(entry.tenant, entry.id)),
    );
    unknown.forEach(({ entry, index }, at) => {
      const item = items[at] ?? null;
      if (item === null) return;
      places[index] = isHeader(item) ? { id: entry.id, index: 0 } : placeOfAlias(item);
    });
    return places;
  }

  /** Outcomes of a slice of several requests, between two places in it, both included. */
  async outcomes({ tenant, slice, count }: SliceFacts, from = 0, to = HIGHEST_INDEX) {
    const outcomes = new Map<number, StoredOutcome>();
    if (count === 1) return outcomes;
    const page = {
      partition: slicePartition(tenant, slice),
      sort: {
        text: '#sort BETWEEN :from AND :to',
        values: { from: outcomeSort(from), to: outcomeSort(to) },
      },
    };
    for await (const items of this.#table.query(page)) {
      for (const item of items) {
        const index = indexOfOutcome(text(item, 'sk'));
        outcomes.set(index, {
          index,
          text: text(item, 'o'),
          inputTokens: number(item, 'ti'),
          maxOutputTokens: number(item, 'to'),
        });
      }
    }
    return outcomes;
  }
}

/** The requests of a manifest that are the slice's. */
function present(facts: SliceFacts, manifest: string): SliceSpecs {
  const specs = new Map(decodeSpecs(facts, manifest));
  for (const index of facts.absent) specs.delete(index);
  return specs;
}

const HIGHEST_INDEX = 999_999;

/** The outcome of a place in a slice. */
export function readOutcome({ specs, facts }: KnownSlice, index: number, stored: string) {
  const spec = specs.get(index);
  if (spec === undefined) {
    throw new AppError('internal', `${facts.slice} holds an outcome of no request, at ${index}`);
  }
  return decodeOutcome(stored, facts.tenant, spec.id) satisfies RequestOutcome;
}

export function placeOfAlias(alias: Item): SlicePlace {
  return { id: text(alias, 'sl'), index: number(alias, 'ix') };
}
