import { promptTokens } from '../../domain/cost/usage.ts';
import type { RequestOutcome } from '../../domain/requests/request.ts';

/** Running totals of one dispatcher. */
export class DispatchTally {
  sent = 0;
  throttled = 0;
  retried = 0;
  succeeded = 0;
  failed = 0;
  costMicroUsd = 0;
  inputTokens = 0;
  cachedInputTokens = 0;
  outputTokens = 0;
  /** Answers whose provider did not say what they used; they count as free. */
  unmetered = 0;

  published(outcome: Omit<RequestOutcome, 'result'>): void {
    if (outcome.status === 'succeeded') this.succeeded += 1;
    else this.failed += 1;
    const { usage } = outcome;
    this.costMicroUsd += outcome.costMicroUsd;
    this.inputTokens += promptTokens(usage);
    this.cachedInputTokens += usage.cachedInputTokens;
    this.outputTokens += usage.outputTokens;
    const tokens = promptTokens(usage) + usage.outputTokens;
    if (outcome.status === 'succeeded' && tokens === 0) this.unmetered += 1;
  }
}
