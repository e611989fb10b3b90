/**
 * Where the ledger keeps what. All keys are strings; a tenant's name stands in front of everything
 * that is a tenant's.
 *
 * | item          | pk                        | sk                            | read by                         |
 * | ------------- | ------------------------- | ----------------------------- | ------------------------------- |
 * | slice header  | `T#<tenant>#S#<slice>`    | `H`                           | id, or the two indexes          |
 * | alias         | `T#<tenant>#S#<id>`       | `H`                           | id of a keyed line of a call    |
 * | outcome       | `T#<tenant>#S#<slice>`    | `O#<index>`                   | slice, consistently             |
 * | batch member  | `T#<tenant>#B#<batch>`    | `S#<stamp>#<slice>`           | batch                           |
 * | usage row     | `T#<tenant>#U`            | `<quarter>#<labels>#<shard>`  | tenant and time                 |
 * | budget        | `T#<tenant>#BUDGET`       | `<month>`                     | tenant and month                |
 * | model seen    | `MODELS`                  | `<model>`                     | all at once                     |
 * | the same      | `T#<tenant>#M`            | `<model>`                     | tenant                          |
 *
 * An alias lies where the header of a request of its own with that id would: so one conditional
 * put keeps an id from being accepted both ways.
 */

import { OPEN_INDEX, TENANT_INDEX } from './table-definition.ts';

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

export const HEADER_SORT = 'H';
const MODELS_PARTITION = 'MODELS';
const OUTCOME_PREFIX = 'O#';
const INDEX_DIGITS = 6;

export function slicePartition(tenant: string, slice: string): string {
  return `${tenantPartition(tenant)}#S#${escaped(slice)}`;
}

/** The slice whose partition it is. */
export function sliceOfPartition(pk: string): { readonly tenant: string; readonly slice: string } {
  const [, tenant = '', , slice = ''] = pk.split('#');
  return { tenant: unescaped(tenant), slice: unescaped(slice) };
}

export function headerKey(tenant: string, slice: string): Key {
  return { pk: slicePartition(tenant, slice), sk: HEADER_SORT };
}

export function outcomeSort(index: number): string {
  return `${OUTCOME_PREFIX}${padded(index, INDEX_DIGITS)}`;
}

export function indexOfOutcome(sort: string): number {
  return Number(sort.slice(OUTCOME_PREFIX.length));
}

/** Models that have had requests, of one tenant or of all. */
export function modelsPartition(tenant?: string): string {
  return tenant === undefined ? MODELS_PARTITION : `${tenantPartition(tenant)}#M`;
}

export function batchPartition(tenant: string, batch: string): string {
  return `${tenantPartition(tenant)}#B#${escaped(batch)}`;
}

export function memberSort(stamp: number, slice: string): string {
  return `S#${padded(stamp, STAMP_DIGITS)}#${slice}`;
}

export function usagePartition(tenant: string): string {
  return `${tenantPartition(tenant)}#U`;
}

/** What a tenant's month holds against its budget; operations on it lie beside it. */
export function budgetKey(tenant: string, month: string): Key {
  return { pk: `${tenantPartition(tenant)}#BUDGET`, sk: month };
}

const QUARTER_DIGITS = 9;

/** Rows of one quarter of an hour begin with this. */
export function usageSort(quarter: number, labels = '', shard = 0): string {
  return labels === ''
    ? padded(quarter, QUARTER_DIGITS)
    : `${padded(quarter, QUARTER_DIGITS)}#${labels}#${shard}`;
}

/** Partition of the open index that holds a model's slices. */
export function openPartition(model: string): string {
  return `OPEN#${model}`;
}

/** Partition of the open index that holds slices half accepted, the one due first in front. */
export const ACCEPTING_PARTITION = 'ACCEPTING';

export interface Standing {
  readonly tenant: string;
  readonly slice: string;
  readonly model: string;
  readonly priority: number;
  /** Smallest of the slice. */
  readonly groupOrder: number;
  readonly stamp: number;
}

/** Keys of a slice that waits for workers: priority, then prefix group, then acceptance. */
export function openKeys({ tenant, slice, model, priority, groupOrder, stamp }: Standing) {
  const order = groupOrder.toFixed(GROUP_DECIMALS).padStart(GROUP_DIGITS, '0');
  return {
    [OPEN_INDEX.partition]: openPartition(model),
    [OPEN_INDEX.sort]: [
      padded(priority, PRIORITY_DIGITS),
      order,
      padded(stamp, STAMP_DIGITS),
      tenant,
      slice,
    ].join('#'),
  };
}

export function acceptingKeys(dueAtMs: number, pk: string) {
  return {
    [OPEN_INDEX.partition]: ACCEPTING_PARTITION,
    [OPEN_INDEX.sort]: `${acceptingSort(dueAtMs)}#${pk}`,
  };
}

export function acceptingSort(dueAtMs: number): string {
  return padded(dueAtMs, STAMP_DIGITS);
}

export function tenantPartition(tenant: string): string {
  return `T#${escaped(tenant)}`;
}

export function tenantSort(stamp: number, slice: string): string {
  return `${padded(stamp, STAMP_DIGITS)}#${slice}`;
}

export function tenantKeys(tenant: string, stamp: number, slice: string) {
  return {
    [TENANT_INDEX.partition]: tenantPartition(tenant),
    [TENANT_INDEX.sort]: tenantSort(stamp, slice),
  };
}

const STAMP_DIGITS = 16;
const PRIORITY_DIGITS = 2;
/** `groupOrder` is some 1.8e15 where a second counts a million groups; a test may use fractions. */
const GROUP_DECIMALS = 3;
const GROUP_DIGITS = 21;

/** Keeps a name from reaching into another's keys. */
function escaped(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('#', '%23');
}

function unescaped(name: string): string {
  return name.replaceAll('%23', '#').replaceAll('%25', '%');
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
