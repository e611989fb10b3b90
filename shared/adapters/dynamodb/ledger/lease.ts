import type { LeasedRequest } from '../../../domain/requests/request.ts';
import {
  countDue,
  type Granted,
  type GrantTerms,
  grant,
  lapsedOwners,
} from '../../../domain/requests/slice-runs.ts';
import type { SliceNotice } from '../../../ports/request-queue.ts';
import type { LeaseQuery } from '../../../ports/request-store.ts';
import { inParallel } from '../table/in-parallel.ts';
import { slicePartition } from '../table/keys.ts';
import type { Booking } from './booking.ts';
import type { OpenSlices } from './open-slices.ts';
import type { SliceHeader } from './slice-header.ts';
import type { SliceMemory } from './slice-memory.ts';
import type { SliceReader } from './slice-reader.ts';
import type { SliceWriter } from './slice-writer.ts';

/** Slices leased at the same time. */
const LEASES_AT_ONCE = 32;

export interface LeaseDeps {
  readonly reader: SliceReader;
  readonly writer: SliceWriter;
  readonly memory: SliceMemory;
  readonly open: OpenSlices;
  readonly booking: Booking;
  /** Publishes what a dead owner answered and did not commit, before its requests are granted anew. */
  readonly onLapsed?: ((owner: string) => Promise<void>) | undefined;
}

type Terms = Omit<GrantTerms, 'limit'>;

/** Grants requests to workers, each to one at a time. */
export class Leasing {
  readonly #deps: LeaseDeps;

  constructor(deps: LeaseDeps) {
    this.#deps = deps;
  }

  /** Leases through the index, for whoever was not told where work is. */
  async lease({ model, limit, fromPriority = 0, ...query }: LeaseQuery): Promise<LeasedRequest[]> {
    const route = query.route ?? 'sync';
    const terms = { ...query, route };
    const adopted = new Set<string>();
    const leased: LeasedRequest[] = [];
    for await (const page of this.#deps.open.ofModel(model)) {
      const due = page.filter(
        ({ facts, runs }) =>
          facts.priority >= fromPriority && countDue(runs, terms.nowMs, route) > 0,
      );
      while (due.length > 0 && leased.length < limit) {
        const shares = shareOut(due, terms, limit - leased.length);
        due.splice(0, shares.length);
        for (const requests of await this.#grantAll(shares, terms, adopted)) {
          for (const request of requests) leased.push(request);
        }
      }
      if (leased.length >= limit) break;
    }
    return leased;
  }

  /** Leases what is due of the noticed slices, whole slices. */
  async take(notices: readonly SliceNotice[], terms: Terms): Promise<LeasedRequest[]> {
    const partitions = notices.map(({ tenant, slice }) => slicePartition(tenant, slice));
    const headers = await this.#deps.reader.headers([...new Set(partitions)]);
    const due = headers.filter(
      ({ state, runs }) =>
        state === 'open' && countDue(runs, terms.nowMs, terms.route ?? 'sync') > 0,
    );
    const shares = due.map((header) => ({ header, limit: header.facts.count }));
    return (await this.#grantAll(shares, terms, new Set())).flat();
  }

  async #grantAll(shares: readonly Share[], terms: Terms, adopted: Set<string>) {
    // Manifests first, and together: what cannot be read must not be leased.
    await this.#deps.reader.known(shares.map(({ header }) => header.facts));
    return inParallel(shares, LEASES_AT_ONCE, ({ header, limit }) =>
      this.#grant(header, { ...terms, limit }, adopted),
    );
  }

  async #grant(header: SliceHeader, terms: GrantTerms, adopted: Set<string>) {
    const { reader, writer, memory, booking } = this.#deps;
    const { facts } = header;
    let granted: readonly Granted[] = [];
    let hasAllEnded = false;
    const written = await writer.change(header, async (current) => {
      granted = [];
      const read = async () =>
        current.runs.fence > 0 ? await reader.outcomes(facts) : new Map<number, unknown>();
      let ended = await read();
      const hasEnded = (index: number): boolean => ended.has(index);
      const lapsed = lapsedOwners(current.runs, terms.nowMs, hasEnded, terms.route);
      if (lapsed.length > 0) {
        await this.#adopt(lapsed, adopted);
        ended = await read();
      }
      hasAllEnded = ended.size === facts.count;
      const next = grant(current.runs, terms, hasEnded);
      granted = next.granted;
      return next.state;
    });
    if (hasAllEnded) await booking.bookEnded(facts);
    if (written === null || granted.length === 0) return [];
    const [known] = await reader.known([facts]);
    memory.hold(
      facts.tenant,
      facts.slice,
      granted.map(({ index }) => index),
    );
    return granted.flatMap(({ index, ...lease }): LeasedRequest[] => {
      const spec = known?.specs.get(index);
      const route = terms.route === 'native' ? { route: terms.route } : {};
      return spec === undefined ? [] : [{ ...spec, ...lease, ...route }];
    });
  }

  async #adopt(owners: readonly string[], adopted: Set<string>): Promise<void> {
    for (const owner of owners) {
      if (adopted.has(owner)) continue;
      await this.#deps.onLapsed?.(owner);
      adopted.add(owner);
    }
  }
}

interface Share {
  readonly header: SliceHeader;
  readonly limit: number;
}

/** The first slices that together have as many requests due as are wanted. */
function shareOut(due: readonly SliceHeader[], { nowMs, route }: Terms, wanted: number): Share[] {
  const shares: Share[] = [];
  let left = wanted;
  for (const header of due) {
    if (left <= 0) break;
    const limit = Math.min(left, countDue(header.runs, nowMs, route));
    shares.push({ header, limit });
    left -= limit;
  }
  return shares;
}
