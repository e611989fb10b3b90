/** Keeps what a tenant may still spend in the calendar month. */

import type { Principal } from '../domain/api-key.ts';
import { monthStartMs } from '../domain/calendar.ts';
import { AppError } from '../domain/errors.ts';
import type { ModelSettings } from '../domain/model-limits.ts';
import { estimateCostMicroUsd } from '../domain/pricing.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestStore } from '../ports/request-store.ts';

/** On whose account something is submitted. */
export type Caller = Pick<Principal, 'tenant' | 'weight' | 'monthlyBudgetMicroUsd'>;

const MICRO_USD_PER_USD = 1_000_000;

/**
 * The budget of one call. `take` says why a request may not be submitted, or `null` when it may;
 * what it lets pass counts against those that follow.
 *
 * Weighed against what has been published this month: requests accepted before and still open are
 * not in it, so calls sent in quick succession may together go beyond the budget by what is open.
 */
export class CallBudget {
  private readonly requests: Pick<RequestStore, 'usage'>;
  private readonly clock: Clock;
  private readonly caller: Caller;
  private left: number | null = null;

  constructor(requests: Pick<RequestStore, 'usage'>, clock: Clock, caller: Caller) {
    this.requests = requests;
    this.clock = clock;
    this.caller = caller;
  }

  async take(
    model: ModelSettings,
    size: { readonly inputTokens: number; readonly maxOutputTokens: number },
  ): Promise<AppError | null> {
    const { monthlyBudgetMicroUsd: budget } = this.caller;
    if (budget === null || model.price === null) return null;
    this.left ??= budget - (await this.spent());
    const { inputTokens, maxOutputTokens: outputTokens } = size;
    const most = estimateCostMicroUsd(model.price, { inputTokens, outputTokens }, 'live');
    if (most <= this.left) {
      this.left -= most;
      return null;
    }
    return new AppError(
      'budget_exceeded',
      `The request may cost up to $${usd(most)}, and $${usd(Math.max(0, this.left))} of this month's $${usd(budget)} are left. Ask whoever gave you the key for more, or wait for the next month`,
      { details: { budgetMicroUsd: budget } },
    );
  }

  private async spent(): Promise<number> {
    const { tenant } = this.caller;
    const fromMs = monthStartMs(this.clock.nowMs());
    const rows = await this.requests.usage({ tenant, fromMs, groupBy: [] });
    return rows.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
  }
}

function usd(microUsd: number): string {
  return (microUsd / MICRO_USD_PER_USD).toFixed(microUsd < 10_000 ? 6 : 2);
}
