/** Where the requests of a batch (or of the whole tenant) stand, as their server tells. */

import type { MadeBatch } from '../api-client/made-batch.ts';
import type { Counts, Health, PenstockApi, WireUsage } from '../api-client/penstock-api.ts';

/** All error rows of one kind. */
export interface RemoteFailures {
  readonly code: string;
  readonly count: number;
  /** The caller's own name of one of them. */
  readonly example: string;
  readonly message: string;
}

export interface BatchStanding {
  /** `null` for a name that requests were submitted under. */
  readonly made: MadeBatch | null;
  readonly counts: Counts;
  /** Rows by model and lane. */
  readonly usage: readonly WireUsage[];
  readonly failures: readonly RemoteFailures[];
  /** False when there were too many to look at them all. */
  readonly hasAllFailures: boolean;
  readonly held: Health['providers_held'];
  /** What is planned for the newest of the requests that are open, by lane. */
  readonly plans: readonly LanePlans[];
}

/** Open requests that are planned for one lane. */
export interface LanePlans {
  readonly lane: string;
  readonly requests: number;
  /** Unit: ms since the epoch; `null` when nobody can tell. */
  readonly expectedFinishAtMs: number | null;
  readonly late: number;
  /** Of the one expected last. */
  readonly why: string;
}

/** Open requests whose plans are looked at, of each state. */
const PLANS_SHOWN = 100;

const PAGE = 1_000;
/** Failures looked at before the digest is called incomplete. */
const MOST_PAGES = 10;
const ENDED_BADLY = ['failed', 'expired', 'cancelled'] as const;

export async function readStanding(
  api: PenstockApi,
  batch: string | undefined,
): Promise<BatchStanding> {
  const [made, counts, usage, health, plans] = await Promise.all([
    batch === undefined ? null : api.madeBatch(batch),
    api.counts(batch),
    api.usage(batch, ['model', 'lane']),
    api.health(),
    readPlans(api, batch),
  ]);
  const digest = await digestFailures(api, batch, counts);
  return { made, counts, usage, ...digest, held: health.providers_held, plans };
}

async function readPlans(api: PenstockApi, batch: string | undefined): Promise<LanePlans[]> {
  const pages = await Promise.all(
    (['queued', 'running'] as const).map((status) =>
      api.list({ batch, status, after: undefined, limit: PLANS_SHOWN }),
    ),
  );
  const lanes = new Map<string, LanePlans>();
  for (const { plan } of pages.flatMap(({ data }) => data)) {
    if (plan === null) continue;
    const { lane, expected_finish_at_ms: expected, why } = plan;
    const known = lanes.get(lane);
    const isLast = known === undefined || (expected ?? 0) > (known.expectedFinishAtMs ?? 0);
    lanes.set(lane, {
      lane,
      requests: (known?.requests ?? 0) + 1,
      late: (known?.late ?? 0) + (plan.meets_deadline ? 0 : 1),
      expectedFinishAtMs: isLast ? expected : known.expectedFinishAtMs,
      why: isLast ? why : known.why,
    });
  }
  return [...lanes.values()].sort((one, other) => other.requests - one.requests);
}

/** Requests that have ended, however. */
export function endedCount({ succeeded, failed, cancelled, expired }: Counts): number {
  return succeeded + failed + cancelled + expired;
}

export function costOf(usage: readonly WireUsage[]): number {
  return usage.reduce((sum, row) => sum + row.cost_micro_usd, 0);
}

async function digestFailures(
  api: PenstockApi,
  batch: string | undefined,
  counts: Counts,
): Promise<Pick<BatchStanding, 'failures' | 'hasAllFailures'>> {
  const groups = new Map<string, RemoteFailures>();
  let hasAllFailures = true;
  for (const status of ENDED_BADLY) {
    if (counts[status] === 0) continue;
    let after: string | undefined;
    for (let page = 1; ; page += 1) {
      const {
        data,
        has_more: hasMore,
        last_id: lastId,
      } = await api.list({
        batch,
        status,
        after,
        limit: PAGE,
      });
      for (const { id, custom_id: customId, error } of data) {
        const code = error?.code ?? status;
        const known = groups.get(code);
        groups.set(code, {
          code,
          count: (known?.count ?? 0) + 1,
          example: known?.example ?? customId ?? id,
          message: known?.message ?? error?.message ?? '',
        });
      }
      if (!hasMore || lastId === null) break;
      if (page === MOST_PAGES) {
        hasAllFailures = false;
        break;
      }
      after = lastId;
    }
  }
  const failures = [...groups.values()].sort((one, other) => other.count - one.count);
  return { failures, hasAllFailures };
}
