/** What a call to accept() wants stored: its requests by slice. */

import { createHash } from 'node:crypto';
import { AppError } from '../../../domain/errors.ts';
import type { RequestSpec } from '../../../domain/requests/request.ts';
import { placedId } from '../../../domain/requests/slice-plan.ts';
import type { SliceFacts } from './slice-header.ts';
import { placeOf } from './spec-codec.ts';

/** A slice to be accepted. */
export interface DraftSlice {
  readonly tenant: string;
  readonly slice: string;
  readonly model: string;
  readonly priority: number;
  /** By their place. */
  readonly specs: ReadonlyMap<number, RequestSpec>;
  /** Whether there are requests whose place cannot be read from their id, and that need an alias. */
  readonly isKeyed: boolean;
  /** Whether it is a request submitted alone: its id names the slice. */
  readonly isSingle: boolean;
}

type Draft = DraftSlice & { readonly specs: Map<number, RequestSpec>; isKeyed: boolean };

/** Groups requests by slice; of several with the same id, the first. */
export function draftSlices(requests: readonly RequestSpec[]): DraftSlice[] {
  const drafts = new Map<string, Draft>();
  const seen = new Set<string>();
  for (const spec of requests) {
    const { tenant, model, priority } = spec;
    const identity = `${tenant}\n${spec.id}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    const { id: slice, index } = placeOf(spec);
    const name = `${tenant}\n${slice}`;
    const draft = drafts.get(name) ?? {
      tenant,
      slice,
      model,
      priority,
      specs: new Map(),
      isKeyed: false,
      isSingle: spec.id === slice,
    };
    drafts.set(name, draft);
    if (draft.specs.has(index) || draft.model !== model || draft.priority !== priority) {
      throw new AppError('internal', `${spec.id} cannot stand at ${index} of the slice ${slice}`);
    }
    draft.specs.set(index, spec);
    if (!draft.isSingle && spec.id !== placedId({ id: slice, index })) draft.isKeyed = true;
  }
  return [...drafts.values()];
}

/** Facts of a slice that come from its requests. */
export function sumUp(
  specs: Iterable<RequestSpec>,
): Pick<SliceFacts, 'count' | 'groupOrder' | 'inputTokens' | 'maxOutputTokens' | 'fingerprint'> {
  const digest = createHash('sha256');
  let count = 0;
  let groupOrder = Number.POSITIVE_INFINITY;
  let inputTokens = 0;
  let maxOutputTokens = 0;
  for (const spec of specs) {
    count += 1;
    groupOrder = Math.min(groupOrder, spec.groupOrder);
    inputTokens += spec.inputTokens;
    maxOutputTokens += spec.maxOutputTokens;
    digest.update(`${placeOf(spec).index}\n${spec.id}\n${spec.fingerprint}\n`);
  }
  const fingerprint = digest.digest('base64url').slice(0, FINGERPRINT_CHARACTERS);
  return { count, groupOrder, inputTokens, maxOutputTokens, fingerprint };
}

const FINGERPRINT_CHARACTERS = 22;
