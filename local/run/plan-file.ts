/** What answering a file would take and cost, before anything is sent. */

import { bindingLimit } from '../../shared/domain/capacity/backlog-time.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { Dimension } from '../../shared/domain/capacity/provider-outcome.ts';
import { estimateCostMicroUsd } from '../../shared/domain/cost/pricing.ts';
import { LANES, type Lane } from '../../shared/domain/lanes/lane.ts';
import {
  type LaneDecision,
  type LaneOutlook,
  planLane,
} from '../../shared/domain/lanes/plan-lane.ts';
import { CANCEL_PRIOR, JOB_PRIOR, turnaroundFrom } from '../../shared/domain/lanes/turnaround.ts';
import type { ConfiguredModels } from '../../shared/runtime/configured-models.ts';
import { createSizeRequest } from '../../shared/runtime/size-request.ts';
import { type RejectedLine, type ScannedRequest, scanInput } from '../input/scan-input.ts';
import { NATIVE_TICK_MS } from '../native-tick.ts';

export interface LanePlan {
  readonly lane: Lane;
  /** With no answer at all, and with every answer as long as it may be. Unit: micro-dollars. */
  readonly leastMicroUsd: number;
  readonly mostMicroUsd: number;
  /** Until all has been answered; half of all batches end sooner. `null`: nobody can tell. Unit: ms. */
  readonly durationMs: number | null;
}

/** What is chosen where no lane is asked for. */
export interface AutoPlan extends LanePlan {
  readonly decision: LaneDecision;
  /** As `mostMicroUsd`, with the share that is expected to leave the lane in the other. */
  readonly expectedMicroUsd: number;
}

export interface ModelPlan {
  readonly model: string;
  readonly provider: string;
  readonly requests: number;
  readonly inputTokens: number;
  /** Bounds the requests set, and an assumption for those that set none. Unit: tokens. */
  readonly maxOutputTokens: number;
  /** Requests that set no bound. */
  readonly unboundedRequests: number;
  /** Lanes the model offers, `live` first; empty when its price is not known. */
  readonly lanes: readonly LanePlan[];
  /** `null` when the price is not known. */
  readonly auto: AutoPlan | null;
  /** The limit that decides how long it takes; `null` when none is configured. */
  readonly binding: { readonly dimension: Dimension; readonly perMinute: number } | null;
  /** At the configured limits; `null` when none is configured. Unit: ms. */
  readonly durationMs: number | null;
}

export interface FilePlan {
  readonly lines: number;
  readonly models: readonly ModelPlan[];
  readonly rejected: { readonly total: number; readonly first: readonly RejectedLine[] };
}

export interface PlanFileOptions {
  readonly path: string;
  readonly models: ConfiguredModels;
  /** How long the answers may take; `null` for no limit. Unit: ms. */
  readonly windowMs: number | null;
  readonly onProgress: (readBytes: number, rejected: number) => void;
}

const MOST_KEPT = 1_000;

/** Before anything is sent nothing is learnt. */
const TURNAROUND = turnaroundFrom(null, JOB_PRIOR);
const ASSUMED_OUTLOOK: LaneOutlook = {
  backlogMs: 0,
  turnaround: TURNAROUND,
  cancelMs: turnaroundFrom(null, CANCEL_PRIOR).quantileMs(0.9) ?? 0,
  tickMs: NATIVE_TICK_MS,
  handOverMs: 0,
  hasNativeRoom: true,
};

/** Reads and judges every line as a run would, and adds up. */
export async function planFile({
  path,
  models,
  windowMs,
  onProgress,
}: PlanFileOptions): Promise<FilePlan> {
  const size = createSizeRequest(models.catalog, 'careful');
  const sums = new Map<string, ModelSum>();
  const first: RejectedLine[] = [];
  let rejected = 0;
  const batches = scanInput({ path, models, size });
  for (;;) {
    const next = await batches.next();
    if (next.done) {
      const plans = [...sums.values()].map((sum) => sum.plan(windowMs));
      plans.sort((one, other) => other.requests - one.requests);
      return { lines: next.value.lines, models: plans, rejected: { total: rejected, first } };
    }
    const { requests, rejected: bad, readBytes } = next.value;
    rejected += bad.length;
    first.push(...bad.slice(0, MOST_KEPT - first.length));
    for (const request of requests) sumOf(sums, request.model).add(request);
    onProgress(readBytes, rejected);
  }
}

function sumOf(sums: Map<string, ModelSum>, model: ModelSettings): ModelSum {
  const known = sums.get(model.name);
  if (known !== undefined) return known;
  const sum = new ModelSum(model);
  sums.set(model.name, sum);
  return sum;
}

class ModelSum {
  readonly #model: ModelSettings;
  #requests = 0;
  #inputTokens = 0;
  #maxOutputTokens = 0;
  #unbounded = 0;
  readonly #least = new Map<Lane, number>();
  readonly #most = new Map<Lane, number>();

  constructor(model: ModelSettings) {
    this.#model = model;
  }

  add({ inputTokens, maxOutputTokens, hasOutputBound }: ScannedRequest): void {
    this.#requests += 1;
    this.#inputTokens += inputTokens;
    this.#maxOutputTokens += maxOutputTokens;
    if (!hasOutputBound) this.#unbounded += 1;
    const { price } = this.#model;
    if (price === null) return;
    // Each request by itself: some prices step up with the length of the prompt.
    for (const lane of this.#model.lanes) {
      const cost = (outputTokens: number) =>
        estimateCostMicroUsd(price, { inputTokens, outputTokens }, lane);
      this.#least.set(lane, (this.#least.get(lane) ?? 0) + cost(0));
      this.#most.set(lane, (this.#most.get(lane) ?? 0) + cost(maxOutputTokens));
    }
  }

  plan(windowMs: number | null): ModelPlan {
    const { name, provider } = this.#model;
    const binding = bindingLimit(
      {
        requests: this.#requests,
        inputTokens: this.#inputTokens,
        maxOutputTokens: this.#maxOutputTokens,
      },
      this.#model.limits.perMinute,
    );
    const syncMs = binding?.durationMs ?? null;
    const lanes = LANES.flatMap((lane): LanePlan[] => {
      const leastMicroUsd = this.#least.get(lane);
      const mostMicroUsd = this.#most.get(lane);
      if (leastMicroUsd === undefined || mostMicroUsd === undefined) return [];
      const durationMs = lane === 'native' ? TURNAROUND.quantileMs(0.5) : syncMs;
      return [{ lane, leastMicroUsd, mostMicroUsd, durationMs }];
    });
    return {
      model: name,
      provider,
      requests: this.#requests,
      inputTokens: this.#inputTokens,
      maxOutputTokens: this.#maxOutputTokens,
      unboundedRequests: this.#unbounded,
      lanes,
      auto: this.#auto(lanes, syncMs ?? 0, windowMs),
      binding: binding && { dimension: binding.dimension, perMinute: binding.perMinute },
      durationMs: binding?.durationMs ?? null,
    };
  }

  /** Planned as one request that has to wait for all others. Instants count from 0: now. */
  #auto(lanes: readonly LanePlan[], backlogMs: number, windowMs: number | null): AutoPlan | null {
    const most = (wanted: Lane): number =>
      this.#most.get(wanted) ?? this.#most.get('live') ?? Number.POSITIVE_INFINITY;
    const decision = planLane(
      {
        wanted: null,
        offered: this.#model.lanes,
        costs: { live: most('live'), flex: most('flex'), native: most('native') },
        deadlineAtMs: windowMs,
        maxOutputTokens: Math.ceil(this.#maxOutputTokens / Math.max(1, this.#requests)),
        nowMs: 0,
      },
      { ...ASSUMED_OUTLOOK, backlogMs },
    );
    const chosen = lanes.find(({ lane }) => lane === decision.lane);
    if (chosen === undefined) return null;
    const { chance, otherwise, expectedFinishAtMs: durationMs } = decision;
    const other = otherwise === null ? chosen.mostMicroUsd : most(otherwise);
    const expectedMicroUsd = Math.round(chance * chosen.mostMicroUsd + (1 - chance) * other);
    const mostMicroUsd = Math.max(chosen.mostMicroUsd, other);
    return { ...chosen, mostMicroUsd, durationMs, decision, expectedMicroUsd };
  }
}
