/** Requests of a slice as one text: what all of a slice share stands in its header. */

import { AppError } from '../../../domain/errors.ts';
import { LANES } from '../../../domain/lanes/lane.ts';
import { ENDPOINTS, type RequestSpec } from '../../../domain/requests/request.ts';

/** What the header says of each of its requests. */
export interface SharedSpec {
  readonly tenant: string;
  readonly slice: string;
  readonly model: string;
  readonly priority: number;
}

type PlainTuple = readonly [
  index: number,
  id: string,
  customId: string | null,
  batchId: string | null,
  endpoint: number,
  lane: number | null,
  tags: readonly string[],
  fingerprint: string,
  segment: string,
  offset: number,
  length: number,
  inputTokens: number,
  maxOutputTokens: number,
  prefixKey: string | null,
  groupOrder: number,
  createdAtMs: number,
  deadlineAtMs: number | null,
];

/** What is reserved is left out where the tenant has no budget. */
type SpecTuple = PlainTuple | readonly [...PlainTuple, reservedMicroUsd: number];

/** Stands for an id that is the slice's own. */
const SAME_AS_SLICE = '';

/** The requests of a slice, by their place in it. */
export type SliceSpecs = ReadonlyMap<number, RequestSpec>;

/** A request of no slice is the only one of a slice named by its id. */
export function placeOf({ id, slice }: RequestSpec) {
  return slice ?? { id, index: 0 };
}

/** One line, without a line break. */
export function encodeSpecs(slice: string, specs: readonly RequestSpec[]): string {
  return JSON.stringify(specs.map((spec) => encodeSpec(slice, spec)));
}

function encodeSpec(slice: string, spec: RequestSpec): SpecTuple {
  const { reservedMicroUsd } = spec;
  const plain: PlainTuple = [
    placeOf(spec).index,
    spec.id === slice ? SAME_AS_SLICE : spec.id,
    spec.customId,
    spec.batchId,
    ENDPOINTS.indexOf(spec.endpoint),
    spec.lane === null ? null : LANES.indexOf(spec.lane),
    [...new Set(spec.tags)],
    spec.fingerprint,
    spec.body.segment,
    spec.body.offset,
    spec.body.length,
    spec.inputTokens,
    spec.maxOutputTokens,
    spec.prefixKey,
    spec.groupOrder,
    spec.createdAtMs,
    spec.deadlineAtMs,
  ];
  return reservedMicroUsd === undefined ? plain : [...plain, reservedMicroUsd];
}

/** Only `encodeSpecs` writes the text, so it holds what the domain made. */
export function decodeSpecs(shared: SharedSpec, text: string): SliceSpecs {
  const tuples: readonly SpecTuple[] = JSON.parse(text);
  return new Map(tuples.map((tuple) => [tuple[0], decodeSpec(shared, tuple)]));
}

function decodeSpec({ tenant, slice, model, priority }: SharedSpec, tuple: SpecTuple): RequestSpec {
  const [index, id, customId, batchId, endpoint, lane, tags, fingerprint, ...rest] = tuple;
  const [segment, offset, length, inputTokens, maxOutputTokens, prefixKey, ...instants] = rest;
  const [groupOrder, createdAtMs, deadlineAtMs, reservedMicroUsd] = instants;
  const route = ENDPOINTS[endpoint];
  if (route === undefined) throw new AppError('internal', `No endpoint has the number ${endpoint}`);
  return {
    id: id === SAME_AS_SLICE ? slice : id,
    tenant,
    customId,
    batchId,
    model,
    endpoint: route,
    lane: lane === null ? null : (LANES[lane] ?? null),
    priority,
    tags,
    fingerprint,
    body: { segment, offset, length },
    inputTokens,
    maxOutputTokens,
    prefixKey,
    groupOrder,
    createdAtMs,
    deadlineAtMs,
    ...(reservedMicroUsd !== undefined && { reservedMicroUsd }),
    ...(id !== SAME_AS_SLICE && { slice: { id: slice, index } }),
  };
}
