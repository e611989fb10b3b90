import { type BatchRecord, hasEnded } from '../../domain/batches/batch.ts';
import type { BatchRef } from '../../ports/batch-store.ts';
import type { Random } from '../../ports/random.ts';
import { changeBatch } from './batch-changes.ts';
import { createKeepOutput, hasLargeOutput, type KeepOutputDeps } from './keep-output.ts';
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

export interface AdvanceBatchDeps
  extends ValidateInputDeps,
    SettleBatchDeps,
    KeepOutputDeps,
    TellEndDeps {
  readonly random: Random;
}

/** With less time left, large output is left to who comes next. Unit: ms. */
const KEEPING_MS = 60_000;

export function createAdvanceBatch(deps: AdvanceBatchDeps): AdvanceBatch {
  const { batches, clock, random } = deps;
  const check = createCheckInput(deps);
  const accept = createAcceptInput(deps);
  const settle = createSettleBatch(deps);
  const keepOutput = createKeepOutput(deps);
  const tellEnd = createTellEnd(deps);

  return async (ref, { deadlineMs }) => {
    for (;;) {
      const batch = await batches.get(ref.tenant, ref.id);
      if (batch === null) return 'ended';
      if (hasEnded(batch.status)) {
        if (deps.addresses !== null && !batch.isTold && hasLargeOutput(batch)) {
          if (deadlineMs - clock.nowMs() < KEEPING_MS) return 'unfinished';
          if ((await lease(batch, deadlineMs + LEASE_MS)) === null) return 'waiting';
          await keepOutput(batch, deadlineMs);
        }
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
      const leased = await lease(batch, clock.nowMs() + LEASE_MS);
      if (leased === null) return 'waiting';
      const { owner } = leased.lease;
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

  /** `null` when somebody else works on it, or has changed it. */
  async function lease(batch: BatchRecord, untilMs: number) {
    const held = { owner: random.id('reader_'), untilMs };
    const leased = await changeBatch(batches, batch, (record) => {
      const isFree = record.lease === null || record.lease.untilMs <= clock.nowMs();
      return isFree && record.version === batch.version ? { lease: held } : null;
    });
    return leased && { ...leased, lease: held };
  }
}
