import type { PayloadPointer } from '../../../domain/requests/request.ts';
import type { SliceRuns } from '../../../domain/requests/slice-runs.ts';
import { decodeRuns, encodeRuns } from '../../../domain/requests/slice-runs-codec.ts';
import type { SliceNotice } from '../../../ports/request-queue.ts';
import { count, type Item, number, text } from '../table/attributes.ts';
import {
  acceptingKeys,
  headerKey,
  openKeys,
  sliceOfPartition,
  slicePartition,
  tenantKeys,
} from '../table/keys.ts';
import { instantOf } from '../table/stamps.ts';
import { TTL_ATTRIBUTE } from '../table/table-definition.ts';

/** Where the requests of a slice are written down: in the header itself, or in the payload store. */
export type Manifest = { readonly inline: string } | { readonly pointer: PayloadPointer };

/**
 * `accepting`: written, not yet to be worked on, since not all of its ids have been claimed.
 * `open`: has requests that have not ended, or that are not booked. `done`: ended and booked.
 * `void`: its acceptance was called off; its place may be taken.
 */
export type SliceState = 'accepting' | 'open' | 'done' | 'void';

/** What a slice is; it never changes once the slice is open. */
export interface SliceFacts extends SliceNotice {
  /** Grows with each acceptance; its thousandth is the instant. */
  readonly stamp: number;
  /** Digest of all ids and fingerprints. */
  readonly fingerprint: string;
  /** Smallest of its requests. */
  readonly groupOrder: number;
  /** Requests it holds. */
  readonly count: number;
  /** Sums over all of them. Unit: tokens. */
  readonly inputTokens: number;
  readonly maxOutputTokens: number;
  readonly manifest: Manifest;
  /** Places in the manifest of requests that were accepted before, elsewhere. */
  readonly absent: readonly number[];
  /** Names the call that accepted it. */
  readonly acceptedBy: string;
  /** Unit: seconds since the epoch. */
  readonly ttl: number;
}

/** A slice header as it was read. */
export interface SliceHeader {
  readonly facts: SliceFacts;
  readonly state: SliceState;
  readonly runs: SliceRuns;
  readonly version: number;
  /** The last write. */
  readonly op: string;
  /** Steps of booking taken; only slices with very many labels need more than one. */
  readonly bookedSteps: number;
  /** The outcome of the only request, as text; slices of more keep theirs in items of their own. */
  readonly outcome: string | null;
}

/**
 * Attribute names are short because a header is written three times, and a single request has
 * room for itself, its outcome and two index entries within one kilobyte.
 */
export function encodeHeader(
  facts: SliceFacts,
  runs: SliceRuns,
  state: 'accepting' | 'open',
): Item {
  const { tenant, slice, manifest } = facts;
  return {
    ...headerKey(tenant, slice),
    m: facts.model,
    p: facts.priority,
    n: facts.count,
    g: facts.groupOrder,
    at: facts.stamp,
    fp: facts.fingerprint,
    ti: facts.inputTokens,
    to: facts.maxOutputTokens,
    ac: facts.acceptedBy,
    ...('inline' in manifest
      ? { spec: manifest.inline }
      : { man: encodePointer(manifest.pointer) }),
    runs: encodeRuns(runs),
    v: 0,
    op: facts.acceptedBy,
    [TTL_ATTRIBUTE]: facts.ttl,
    ...(state === 'open' ? standingKeys(facts) : { st: state, ...claimKeys(facts) }),
  };
}

/** How long an acceptance may take until somebody else completes it. Unit: ms. */
const ACCEPTING_MS = 60_000;

function claimKeys({ tenant, slice, stamp }: SliceFacts) {
  return acceptingKeys(instantOf(stamp) + ACCEPTING_MS, slicePartition(tenant, slice));
}

/** Index keys of an open slice. */
export function standingKeys(facts: SliceFacts) {
  return { ...openKeys(facts), ...tenantKeys(facts.tenant, facts.stamp, facts.slice) };
}

export function decodeHeader(item: Item): SliceHeader {
  return {
    facts: {
      ...sliceOfPartition(text(item, 'pk')),
      model: text(item, 'm'),
      priority: number(item, 'p'),
      count: number(item, 'n'),
      groupOrder: number(item, 'g'),
      stamp: number(item, 'at'),
      fingerprint: text(item, 'fp'),
      inputTokens: number(item, 'ti'),
      maxOutputTokens: number(item, 'to'),
      acceptedBy: text(item, 'ac'),
      manifest:
        item['spec'] === undefined
          ? { pointer: decodePointer(text(item, 'man')) }
          : { inline: text(item, 'spec') },
      absent: item['ab'] === undefined ? [] : JSON.parse(text(item, 'ab')),
      ttl: number(item, TTL_ATTRIBUTE),
    },
    state: stateOf(item),
    runs: decodeRuns(text(item, 'runs')),
    version: number(item, 'v'),
    op: text(item, 'op'),
    bookedSteps: count(item, 'bs'),
    outcome: item['out'] === undefined ? null : text(item, 'out'),
  };
}

/** An alias lies under the key of a header. */
export function isHeader(item: Item | null): item is Item {
  return item !== null && item['runs'] !== undefined;
}

function stateOf({ st }: Item): SliceState {
  return st === 'accepting' || st === 'done' || st === 'void' ? st : 'open';
}

function encodePointer({ segment, offset, length }: PayloadPointer): string {
  return JSON.stringify([segment, offset, length]);
}

function decodePointer(pointer: string): PayloadPointer {
  const [segment, offset, length]: [string, number, number] = JSON.parse(pointer);
  return { segment, offset, length };
}
