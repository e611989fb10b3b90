/** What a deployment says of one model: the start values of what the limiter then learns. */

import type { ModelPrice } from '../cost/pricing.ts';
import type { Lane } from '../lanes/lane.ts';
import type { Dimension } from './provider-outcome.ts';

/** How a provider charges its token limits; decides what is reserved and what is settled. */
export type Charging =
  /** Prompt estimate and `max_tokens` when the call is admitted, nothing given back. OpenAI, Azure. */
  | 'at_admission'
  /** Prompt when admitted, output as produced; cached prompt tokens free. Anthropic. */
  | 'as_produced';

export interface ModelLimits {
  /** Sustained rates. Unit: units per minute. Integers > 0. Absent: not limited, or not known. */
  readonly perMinute: Partial<Record<Dimension, number>>;
  /** Most calls at once. Integer > 0. Absent: decided by rates and by what the provider bears. */
  readonly concurrency?: number;
}

/** One configured model, fully resolved: nothing left to look up while dispatching. */
export interface ModelSettings {
  /** Name requests use. */
  readonly name: string;
  readonly provider: string;
  /** Name the provider knows it by. */
  readonly providerModel: string;
  readonly charging: Charging;
  readonly limits: ModelLimits;
  /** Lanes allowed, cheapest first is not implied. */
  readonly lanes: readonly Lane[];
  readonly price: ModelPrice | null;
  readonly contextWindow: number | null;
  readonly maxOutputTokens: number | null;
}
