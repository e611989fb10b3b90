import { hasEnded } from '../../domain/batches/batch.ts';
import type { BatchRef } from '../../ports/batch-store.ts';
import type { Random } from '../../ports/random.ts';
import { changeBatch } from './batch-changes.ts';
import { createSettleBatch, type SettleBatchDeps } from './settle-batch.ts';
import { createTellEnd, type TellEndDeps } from './tell-end.ts';
import {
  createAcceptInput,
  createCheckInput,
  LEASE_MS,
  type ValidateInputDeps,
} from './validate-input.ts';

/**
 * `ended`: nothing is left to do. `waiting`: for its requests, or for whoever works on it.
 * `unfinished`: more could be done at once.
 */
export type Advance = 'ended' | 'waiting' | 'unfinished';

/**
 * Moves a batch on as far as it can be moved until the deadline: reads its input, from the
 * checkpoint where that was begun, brings it to its end, and tells of it. Harmless however often it is called,
 * by however many at once. Unit: ms since the epoch.
 */
export type AdvanceBatch = (
  ref: BatchRef,
  options: { readonly deadlineMs: number },
) => Promise<Advance>;

export interface AdvanceBatchDeps extends ValidateInputDeps, SettleBatchDeps, TellEndDeps {
  readonly random: Random;
}

export function createAdvanceBatch(deps: AdvanceBatchDeps): AdvanceBatch {
  const { batches, clock, random } = deps;
  const check = createCheckInput(deps);
  const accept = createAcceptInput(deps);
  const settle = createSettleBatch(deps);
  const tellEnd = createTellEnd(deps);

  return async (ref, { deadlineMs }) => {
    for (;;) {
      const batch = await batches.get(ref.tenant, ref.id);
      if (batch === null) return 'ended';
      if (hasEnded(batch.status)) {
        await tellEnd(batch);
        return 'ended';
      }
      const { phase } = batch.progress;
      const isRead = phase === 'done' || (batch.status === 'cancelling' && phase === 'checking');
      if (isRead) {
        const settled = await settle(batch, deadlineMs);
        if (settled !== 'ended') return settled;
        continue;
      }
      const owner = random.id('reader_');
      const leased = await changeBatch(batches, batch, ({ lease, version }) => {
        const nowMs = clock.nowMs();
        const isFree = lease === null || lease.untilMs <= nowMs;
        return isFree && version === batch.version
          ? { lease: { owner, untilMs: nowMs + LEASE_MS } }
          : null;
      });
      if (leased === null) return 'waiting';
      try {
        const read = phase === 'checking' ? check : accept;
        if (!(await read(leased, owner, deadlineMs))) return 'unfinished';
      } finally {
        await changeBatch(batches, batch, ({ lease }) =>
          lease?.owner === owner ? { lease: null } : null,
        );
      }
      if (clock.nowMs() >= deadlineMs) return 'unfinished';
    }
  };
}
