import type { SliceFacts } from './slice-header.ts';
import type { SliceSpecs } from './spec-codec.ts';

/** What never changes of a slice. */
export interface KnownSlice {
  readonly facts: SliceFacts;
  readonly specs: SliceSpecs;
}

interface Held {
  /** Of those leased here, the ones neither ended nor handed back. */
  readonly indices: Set<number>;
  /** Whether the header says that requests may have ended. */
  isTouched: boolean;
}

/** Requests whose facts are kept; some 30 MB. */
const MOST_REQUESTS = 40_000;

/**
 * What this process remembers of slices, so that a commit reads nothing: facts that never change,
 * where an id stands, and what is still held here. All of it may be forgotten at any time.
 */
export class SliceMemory {
  readonly #slices = new Map<string, KnownSlice & { readonly held: Held }>();
  readonly #places = new Map<string, { readonly slice: string; readonly index: number }>();
  #requests = 0;

  find(tenant: string, slice: string): KnownSlice | undefined {
    return this.#slices.get(nameOf(tenant, slice));
  }

  place(tenant: string, id: string) {
    return this.#places.get(nameOf(tenant, id));
  }

  remember(known: KnownSlice): void {
    const { tenant, slice, count } = known.facts;
    const name = nameOf(tenant, slice);
    if (this.#slices.has(name)) return;
    this.#slices.set(name, { ...known, held: { indices: new Set(), isTouched: false } });
    this.#requests += count;
    for (const [index, { id }] of known.specs) {
      this.#places.set(nameOf(tenant, id), { slice, index });
    }
    for (const [oldest, entry] of this.#slices) {
      if (this.#requests <= MOST_REQUESTS || oldest === name) break;
      this.#forget(oldest, entry);
    }
  }

  /** Requests leased here. The slice must be remembered. */
  hold(tenant: string, slice: string, indices: Iterable<number>): void {
    const held = this.#slices.get(nameOf(tenant, slice))?.held;
    if (held === undefined) return;
    held.isTouched = true;
    for (const index of indices) held.indices.add(index);
  }

  /** Requests that ended or were handed back; true when that leaves none of the slice here. */
  drop(tenant: string, slice: string, indices: Iterable<number>): boolean {
    const held = this.#slices.get(nameOf(tenant, slice))?.held;
    if (held === undefined) return true;
    for (const index of indices) held.indices.delete(index);
    return held.indices.size === 0;
  }

  isTouched(tenant: string, slice: string): boolean {
    return this.#slices.get(nameOf(tenant, slice))?.held.isTouched === true;
  }

  setTouched(tenant: string, slice: string): void {
    const held = this.#slices.get(nameOf(tenant, slice))?.held;
    if (held !== undefined) held.isTouched = true;
  }

  /** Forgets a slice that has ended; asked about again, it is read again. */
  forget(tenant: string, slice: string): void {
    const name = nameOf(tenant, slice);
    const entry = this.#slices.get(name);
    if (entry !== undefined) this.#forget(name, entry);
  }

  #forget(name: string, { facts, specs }: KnownSlice): void {
    this.#slices.delete(name);
    this.#requests -= facts.count;
    for (const { id } of specs.values()) this.#places.delete(nameOf(facts.tenant, id));
  }
}

function nameOf(tenant: string, id: string): string {
  return `${tenant}\n${id}`;
}
