import { METRICS } from '../../contracts/metric-names.ts';
import { promptTokens } from '../../domain/cost/usage.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { DispatchProgress, PublishedResult } from '../dispatch-progress.ts';

/** Turns what one dispatcher did into metrics by provider and model. */
export class DispatchMeter {
  private readonly telemetry: Telemetry;

  /** Shares of the binding limit in use, by model, each time we looked. */
  private readonly limitsUsed = new Map<string, number[]>();

  constructor(telemetry: Telemetry) {
    this.telemetry = telemetry;
  }

  published(
    results: readonly PublishedResult[],
    modelFor: (tenant: string, id: string) => string | undefined,
  ): void {
    for (const { outcome } of results) {
      const { provider, usage } = outcome;
      const by = { provider, model: modelFor(outcome.tenant, outcome.id) ?? 'unknown' };
      const isAnswer = outcome.status === 'succeeded';
      this.telemetry.count(isAnswer ? METRICS.requestSucceeded : METRICS.requestFailed, 1, by);
      this.telemetry.count(METRICS.costMicroUsd, outcome.costMicroUsd, by);
      this.telemetry.count(METRICS.inputTokens, promptTokens(usage), by);
      this.telemetry.count(METRICS.outputTokens, usage.outputTokens, by);
    }
  }

  /** To be called at even distances in time. */
  sample({ models }: DispatchProgress): void {
    for (const { model, limitUsed } of models) {
      if (limitUsed === null) continue;
      const shares = this.limitsUsed.get(model) ?? [];
      this.limitsUsed.set(model, shares);
      shares.push(limitUsed);
    }
  }

  /** Zeros are told too, so that an alarm can tell quiet from broken. */
  ended({ models }: DispatchProgress): void {
    for (const { model, provider, sent } of models) {
      this.telemetry.count(METRICS.requestAdmitted, sent, { provider, model });
      this.telemetry.count(METRICS.providerThrottled, 0, { provider, model });
      const shares = this.limitsUsed.get(model);
      if (shares === undefined) continue;
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
      this.telemetry.count(METRICS.limitUsed, mean * 100, { provider, model });
    }
  }
}
