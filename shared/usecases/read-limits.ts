import {
  type CapacityState,
  effectivePerMinute,
  openState,
} from '../domain/capacity/capacity-state.ts';
import type { ModelSettings } from '../domain/capacity/model-limits.ts';
import { DIMENSIONS, type Dimension } from '../domain/capacity/provider-outcome.ts';
import { GRAINS_PER_UNIT } from '../domain/capacity/token-bucket.ts';
import type { CapacityStore } from '../ports/capacity-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { ModelDirectory } from './submit-requests.ts';

/** One bucket as it stands now. */
export interface LimitNow {
  readonly dimension: Dimension;
  readonly configuredPerMinute: number | null;
  /** As believed. Unit: units per minute. */
  readonly perMinute: number;
  /** After caution. Unit: units per minute. */
  readonly allowedPerMinute: number;
  readonly burst: number;
  /** Negative while in debt. */
  readonly available: number;
}

export interface ModelLimitsNow {
  readonly model: ModelSettings;
  readonly limits: readonly LimitNow[];
  readonly concurrency: number | null;
  /** `null` while calls may go out. Unit: ms since the epoch. */
  readonly pausedUntilMs: number | null;
}

/** The limits of every model in use, as the workers see them now. */
export type ReadLimits = () => Promise<ModelLimitsNow[]>;

export interface ReadLimitsDeps {
  readonly capacity: CapacityStore;
  readonly models: ModelDirectory;
  readonly clock: Clock;
}

export function createReadLimits({ capacity, models, clock }: ReadLimitsDeps): ReadLimits {
  return async () => {
    const states = await capacity.snapshot();
    const nowMs = clock.nowMs();
    return [...models.values()].map((model) =>
      limitsOf(model, openState(states.get(model.name) ?? null, model.limits, nowMs), nowMs),
    );
  };
}

function limitsOf(model: ModelSettings, state: CapacityState, nowMs: number): ModelLimitsNow {
  const limits = DIMENSIONS.flatMap((dimension): LimitNow[] => {
    const limit = state.limits[dimension];
    if (limit === undefined) return [];
    return [
      {
        dimension,
        configuredPerMinute: limit.declaredPerMinute,
        perMinute: limit.perMinute,
        allowedPerMinute: effectivePerMinute(limit, state.ratePerMille),
        burst: limit.depthUnits,
        available: Math.floor(limit.bucket.grains / GRAINS_PER_UNIT),
      },
    ];
  });
  const pausedUntilMs = state.pausedUntilMs > nowMs ? state.pausedUntilMs : null;
  return { model, limits, concurrency: state.concurrency, pausedUntilMs };
}
