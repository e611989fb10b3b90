/**
 * What one worker's own calls tell of a model's limits.
 *
 * The worker mirrors the buckets: it refills them, charges each call as it leaves, and remembers
 * the level it expected the provider to have right then. When the answer's headers state the real
 * level, the difference is the error of everything believed: start level, rate, depth, how the
 * provider counts tokens, and other users of the same key. Averaged over the answers since the
 * last report, part of it goes back as a correction, so that errors do not pile up.
 *
 * Some providers state the level at admission, others when the answer leaves. Both readings are
 * tried for each limit, and the one that predicts better is believed.
 */

import { promptTokens } from '../cost/usage.ts';
import { AdmissionMeter } from './admission-meter.ts';
import type { Lessons, LimitLesson, Refusal } from './capacity-learning.ts';
import { type Claim, chargeOf } from './capacity-purchase.ts';
import { type CapacityState, effectivePerMinute, type SpendingPlan } from './capacity-state.ts';
import type { Charging } from './model-limits.ts';
import {
  DIMENSIONS,
  type Dimension,
  type ProviderFailure,
  type ProviderOutcome,
  type WindowSignal,
} from './provider-outcome.ts';
import { GRAINS_PER_UNIT } from './token-bucket.ts';
import { spentUnits, unspentUnits, workerCount } from './worker-shares.ts';

/** Share of an error that is corrected at once; the rest waits for confirmation. */
const GAIN = 0.5;
/** Most of a bucket that others, behind their plans, may make it look fuller. */
const BEHIND_DEPTH_SHARE = 0.1;
/** Weight of a new sample in running means. */
const SMOOTHING = 0.2;
/** Estimated charge between two levels compared, as a share of the depth, at least. */
const CHARGE_SAMPLE_SHARE = 0.05;
const CHARGE_SAMPLE_CALLS = 20;
const LOWEST_CHARGE_RATIO = 0.2;
const HIGHEST_CHARGE_RATIO = 5;
/** A bucket that holds less than so many of a call may well have refused it: estimates err. */
const NEARLY_EMPTY_CLAIMS = 2;
const NOTHING: Claim = { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 };

type PerLimit = Partial<Record<Dimension, number>>;

interface Snapshot {
  /** Level expected right after this call was charged. Unit: units. */
  readonly expectedUnits: number;
  readonly correctedUnits: number;
  readonly estimatedTotal: number;
  readonly chargedUnits: number;
  /** The estimate, before scaling. */
  readonly claimedUnits: number;
}

/** Handed out when a call leaves, handed back with its outcome. */
export interface SentCall {
  readonly sentAtMs: number;
  readonly claim: Claim;
  readonly snapshots: Partial<Record<Dimension, Snapshot>>;
}

interface Mirror {
  units: number;
  atMs: number;
  perMs: number;
  depthUnits: number;
  chargePerMille: number;
  /** Sum of corrections so far: levels expected earlier are judged with those made since. */
  correctedUnits: number;
  /** Output reserved and not yet charged, where the provider charges as produced. */
  pendingUnits: number;
  /** Charged for calls in flight, on nothing but our estimate. */
  unconfirmedUnits: number;
  errorAtSend: RunningError;
  errorAtReceipt: RunningError;
  settledUnits: number;
  taughtPerMinute: number | undefined;
  taughtDepth: number | undefined;
  /** Estimates charged so far, before scaling. */
  estimatedTotal: number;
  estimatedCalls: number;
  anchor: { estimatedTotal: number; calls: number; remaining: number; sentAtMs: number } | null;
  chargeRatio: number | undefined;
  chargeSamples: number;
  declaredPerMinute: number | null;
}

interface RunningError {
  sum: number;
  count: number;
  meanSquare: number;
}

export class LimitObserver {
  private readonly mirrors = new Map<Dimension, Mirror>();
  /** Limits the headers show and the configuration does not. Unit: units per minute. */
  private readonly undeclared = new Map<Dimension, number>();
  private refusals: Omit<Refusal, 'inFlight' | 'admittedPerMinute'>[] = [];
  private readonly admissions = new AdmissionMeter();
  private workers = 1;
  private othersPlans: readonly SpendingPlan[] = [];
  private outputRatio = 1;
  private readonly charging: Charging;
  private readonly owner: string;

  constructor(charging: Charging, owner: string) {
    this.charging = charging;
    this.owner = owner;
  }

  /** Share of `max_tokens` that answers turn out to use. Between 0 and 1. */
  get expectedOutputRatio(): number {
    return this.outputRatio;
  }

  /** Takes over the shared view after a purchase; what was bought and not sent is still there. */
  resync(state: CapacityState, unsent: readonly Claim[], nowMs: number): void {
    this.workers = workerCount(state);
    const others = Object.entries(state.plans).filter(([name]) => name !== this.owner);
    this.othersPlans = others.map(([, plan]) => plan);
    for (const dimension of DIMENSIONS) {
      const limit = state.limits[dimension];
      if (limit === undefined) {
        this.mirrors.delete(dimension);
        continue;
      }
      const mirror = this.mirrors.get(dimension) ?? emptyMirror();
      const ours = unsent.reduce((sum, claim) => sum + claim[dimension], 0);
      const theirs = this.othersPlans.reduce(
        (sum, plan) => sum + unspentUnits(plan, dimension, nowMs),
        0,
      );
      const unspent = chargeOf(limit, ours + theirs);
      mirror.units = limit.bucket.grains / GRAINS_PER_UNIT + unspent;
      // Whoever wrote last may have credited refill up to a later instant than ours.
      mirror.atMs = Math.max(nowMs, limit.bucket.creditedAtMs);
      mirror.perMs = effectivePerMinute(limit, state.ratePerMille) / 60_000;
      mirror.depthUnits = limit.depthUnits;
      mirror.declaredPerMinute = limit.declaredPerMinute;
      mirror.chargePerMille = limit.chargePerMille;
      mirror.correctedUnits = limit.correctedUnits;
      this.mirrors.set(dimension, mirror);
    }
  }

  /** Charges a call as it leaves. */
  sent(claim: Claim, nowMs: number): SentCall {
    this.admissions.sent(claim, nowMs);
    const snapshots: Partial<Record<Dimension, Snapshot>> = {};
    for (const [dimension, mirror] of this.mirrors) {
      this.advance(dimension, mirror, nowMs);
      const chargedUnits = (claim[dimension] * mirror.chargePerMille) / 1_000;
      mirror.units -= chargedUnits;
      mirror.estimatedTotal += claim[dimension];
      mirror.estimatedCalls += 1;
      mirror.unconfirmedUnits += chargedUnits;
      if (this.isChargedLater(dimension)) mirror.pendingUnits += chargedUnits;
      snapshots[dimension] = {
        expectedUnits: mirror.units + mirror.pendingUnits,
        correctedUnits: mirror.correctedUnits,
        estimatedTotal: mirror.estimatedTotal,
        chargedUnits,
        claimedUnits: claim[dimension],
      };
    }
    return { sentAtMs: nowMs, claim, snapshots };
  }

  /** Compares what came back with what was expected. */
  received(call: SentCall, outcome: ProviderOutcome, maxOutputTokens: number, nowMs: number): void {
    if (outcome.kind === 'answered' && maxOutputTokens > 0) {
      const ratio = Math.min(1, outcome.usage.outputTokens / maxOutputTokens);
      this.outputRatio += SMOOTHING * 0.25 * (ratio - this.outputRatio);
    }
    for (const [dimension, mirror] of this.mirrors) {
      const snapshot = call.snapshots[dimension];
      if (snapshot === undefined) continue;
      this.advance(dimension, mirror, nowMs);
      mirror.unconfirmedUnits = Math.max(0, mirror.unconfirmedUnits - snapshot.chargedUnits);
      this.settle(dimension, mirror, snapshot, outcome);
      const signal = outcome.signals.windows[dimension];
      if (signal === undefined) continue;
      // A refused call took nothing from token limits, so the level it shows is before the charge.
      const isUncharged = isRefusal(outcome) && dimension !== 'requests';
      const expectedUnits = snapshot.expectedUnits + (isUncharged ? snapshot.chargedUnits : 0);
      this.compare(dimension, mirror, { ...snapshot, expectedUnits }, signal, call.sentAtMs);
    }
    this.noticeUndeclared(outcome);
    if (isRefusal(outcome)) {
      this.admissions.refused(call.claim, call.sentAtMs);
      this.refusals.push({
        sentAtMs: call.sentAtMs,
        throttledBy: outcome.throttledBy,
        retryAfterMs: outcome.signals.retryAfterMs ?? null,
        isExplained: isExplained(outcome, call.claim),
      });
    }
  }

  /** Reserved by calls in flight where the provider charges only what was produced. */
  get pendingUnits(): PerLimit {
    return this.perLimit((mirror) => mirror.pendingUnits);
  }

  /** Charged for calls in flight: until they answer, no more than an estimate. */
  get unconfirmedUnits(): PerLimit {
    return this.perLimit((mirror) => mirror.unconfirmedUnits);
  }

  private perLimit(read: (mirror: Mirror) => number): PerLimit {
    return Object.fromEntries([...this.mirrors].map(([name, mirror]) => [name, read(mirror)]));
  }

  /** Everything learnt since the last call, and forgets it. */
  report(inFlight: number, nowMs: number): Lessons {
    const limits: Partial<Record<Dimension, LimitLesson>> = {};
    for (const [dimension, mirror] of this.mirrors) {
      const correctionUnits = this.takeCorrection(dimension, mirror);
      const lesson: LimitLesson = {
        correctionUnits,
        settledUnits: mirror.settledUnits,
        ...(mirror.taughtPerMinute === undefined ? {} : { perMinute: mirror.taughtPerMinute }),
        ...(mirror.taughtDepth === undefined ? {} : { depthUnits: mirror.taughtDepth }),
        ...(mirror.chargeRatio === undefined
          ? {}
          : { chargePerMille: Math.round(mirror.chargeRatio * 1_000) }),
      };
      mirror.settledUnits = 0;
      limits[dimension] = lesson;
    }
    for (const [dimension, perMinute] of this.undeclared) {
      if (limits[dimension] === undefined) {
        limits[dimension] = { perMinute, correctionUnits: 0, settledUnits: 0 };
      }
    }
    this.undeclared.clear();
    const admittedPerMinute = this.refusals.length > 0 ? this.admissions.perMinute(nowMs) : NOTHING;
    const refusals = this.refusals.map((refusal) => ({ ...refusal, inFlight, admittedPerMinute }));
    this.refusals = [];
    return { limits, refusals };
  }

  private noticeUndeclared(outcome: ProviderOutcome): void {
    for (const dimension of DIMENSIONS) {
      const limit = outcome.signals.windows[dimension]?.limit;
      if (limit !== undefined && limit > 0 && !this.mirrors.has(dimension)) {
        this.undeclared.set(dimension, limit);
      }
    }
  }

  private isChargedLater(dimension: Dimension): boolean {
    return dimension === 'outputTokens';
  }

  private isInputSettled(dimension: Dimension): boolean {
    return dimension === 'inputTokens' && this.charging === 'as_produced';
  }

  private settle(
    dimension: Dimension,
    mirror: Mirror,
    snapshot: Snapshot,
    outcome: ProviderOutcome,
  ): void {
    const isLater = this.isChargedLater(dimension);
    if (isLater) mirror.pendingUnits = Math.max(0, mirror.pendingUnits - snapshot.chargedUnits);
    let usedUnits: number;
    if (isRefusal(outcome) && dimension !== 'requests') usedUnits = 0;
    else if (outcome.kind === 'failed') return;
    else if (isLater) usedUnits = outcome.usage.outputTokens;
    else if (this.isInputSettled(dimension)) {
      // Admission charges the whole prompt; what came from the cache is given back at the end.
      const prompt = promptTokens(outcome.usage);
      if (snapshot.claimedUnits > 0) learnRatio(mirror, prompt / snapshot.claimedUnits);
      usedUnits = prompt - outcome.usage.cachedInputTokens;
    } else return;
    const difference = snapshot.chargedUnits - usedUnits;
    mirror.units += difference;
    mirror.settledUnits += difference;
  }

  private compare(
    dimension: Dimension,
    mirror: Mirror,
    snapshot: Snapshot,
    signal: WindowSignal,
    sentAtMs: number,
  ): void {
    if (signal.limit !== undefined && signal.limit > 0) mirror.taughtPerMinute = signal.limit;
    const { remaining } = signal;
    if (remaining === undefined) return;
    const { declaredPerMinute, taughtPerMinute } = mirror;
    if (declaredPerMinute !== null && (taughtPerMinute ?? 0) > declaredPerMinute) {
      // Declared below what the provider grants, it is our own limit, of which it knows nothing.
      // Only when the provider has less left than we allow ourselves does its level matter.
      const missing = Math.min(0, remaining - mirror.units - mirror.pendingUnits);
      note(mirror.errorAtSend, missing);
      note(mirror.errorAtReceipt, missing);
      return;
    }
    this.learnDepth(mirror, signal, remaining);
    const madeSince = mirror.correctedUnits - snapshot.correctedUnits;
    const atSend = remaining - (snapshot.expectedUnits + madeSince);
    const atReceipt = remaining - (mirror.units + mirror.pendingUnits);
    note(mirror.errorAtSend, atSend);
    note(mirror.errorAtReceipt, atReceipt);
    const isToldByUsage = this.isChargedLater(dimension) || this.isInputSettled(dimension);
    if (!isToldByUsage) this.learnCharge(mirror, snapshot, remaining, sentAtMs);
  }

  private learnDepth(mirror: Mirror, signal: WindowSignal, remaining: number): void {
    const perMs = (signal.limit ?? mirror.perMs * 60_000) / 60_000;
    const { resetMs } = signal;
    if (resetMs === undefined || resetMs < 0) {
      if (remaining > (mirror.taughtDepth ?? mirror.depthUnits)) mirror.taughtDepth = remaining;
      return;
    }
    const depth = remaining + resetMs * perMs;
    const known = mirror.taughtDepth;
    mirror.taughtDepth = Math.max(
      remaining,
      1,
      Math.round(known === undefined ? depth : known + SMOOTHING * (depth - known)),
    );
  }

  /** Two levels, and the refill between them, tell what the provider charged for our estimates. */
  private learnCharge(
    mirror: Mirror,
    snapshot: Snapshot,
    remaining: number,
    sentAtMs: number,
  ): void {
    const isNearFull = remaining > 0.95 * mirror.depthUnits;
    const here = {
      estimatedTotal: snapshot.estimatedTotal,
      calls: mirror.estimatedCalls,
      remaining,
      sentAtMs,
    };
    const { anchor } = mirror;
    if (isNearFull || anchor === null) {
      mirror.anchor = isNearFull ? null : here;
      return;
    }
    const estimated = here.estimatedTotal - anchor.estimatedTotal;
    const isEnough =
      estimated >= CHARGE_SAMPLE_SHARE * mirror.depthUnits &&
      here.calls - anchor.calls >= CHARGE_SAMPLE_CALLS;
    if (!isEnough) return;
    const charged = anchor.remaining - remaining + mirror.perMs * (sentAtMs - anchor.sentAtMs);
    learnRatio(mirror, charged / estimated);
    mirror.anchor = here;
  }

  private takeCorrection(dimension: Dimension, mirror: Mirror): number {
    const believed =
      mirror.errorAtReceipt.meanSquare < mirror.errorAtSend.meanSquare
        ? mirror.errorAtReceipt
        : mirror.errorAtSend;
    const error = believed.count === 0 ? 0 : believed.sum / believed.count;
    for (const running of [mirror.errorAtSend, mirror.errorAtReceipt]) {
      running.sum = 0;
      running.count = 0;
    }
    const behind = this.behindUnits(dimension, mirror);
    // All workers see the same error, and each corrects its part.
    const correction = (GAIN / this.workers) * (error > 0 ? Math.max(0, error - behind) : error);
    return correction;
  }

  /**
   * How much of a surplus may be what others hold and have not sent in time: all that they bought
   * last, but for a shallow bucket, which would overflow meanwhile. Unit: units.
   */
  private behindUnits(dimension: Dimension, mirror: Mirror): number {
    const bought = this.othersPlans.reduce((sum, { units }) => sum + (units[dimension] ?? 0), 0);
    const charged = (bought * mirror.chargePerMille) / 1_000;
    return Math.min(charged, mirror.depthUnits * BEHIND_DEPTH_SHARE);
  }

  /** Lets time pass for the mirror: the provider refills, and the others spend. */
  private advance(dimension: Dimension, mirror: Mirror, nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - mirror.atMs);
    if (elapsedMs === 0) return;
    const toMs = mirror.atMs + elapsedMs;
    const chargeRatio = mirror.chargePerMille / 1_000;
    const sharePerMs = mirror.perMs / this.workers / chargeRatio;
    const period = { fromMs: mirror.atMs, toMs, sharePerMs };
    const theirs = this.othersPlans.reduce(
      (sum, plan) => sum + spentUnits(plan, dimension, period),
      0,
    );
    const changed = elapsedMs * mirror.perMs - theirs * chargeRatio;
    mirror.units = Math.min(mirror.depthUnits, mirror.units + changed);
    mirror.estimatedTotal += theirs;
    mirror.atMs = toMs;
  }
}

function learnRatio(mirror: Mirror, sample: number): void {
  const ratio = Math.min(HIGHEST_CHARGE_RATIO, Math.max(LOWEST_CHARGE_RATIO, sample));
  const known = mirror.chargeRatio ?? mirror.chargePerMille / 1_000;
  // A plain mean at first, so that a wrong start value is forgotten at once.
  mirror.chargeSamples += 1;
  const weight = Math.max(SMOOTHING, 1 / mirror.chargeSamples);
  mirror.chargeRatio = known + weight * (ratio - known);
}

function isRefusal(outcome: ProviderOutcome): outcome is ProviderFailure {
  return outcome.kind === 'failed' && outcome.code === 'provider_throttled';
}

/**
 * True when a level shows why: that of the limit named, or else any that holds hardly more than the
 * call asked for. A level of another limit explains nothing, and to correct it would change nothing.
 */
function isExplained({ signals, throttledBy }: ProviderFailure, claim: Claim): boolean {
  const { windows } = signals;
  if (throttledBy !== null && throttledBy !== 'concurrency') {
    if (windows[throttledBy]?.remaining !== undefined) return true;
  }
  return DIMENSIONS.some((dimension) => {
    const remaining = windows[dimension]?.remaining;
    return remaining !== undefined && remaining < NEARLY_EMPTY_CLAIMS * claim[dimension];
  });
}

function emptyMirror(): Mirror {
  return {
    units: 0,
    atMs: 0,
    perMs: 0,
    depthUnits: 1,
    chargePerMille: 1_000,
    correctedUnits: 0,
    pendingUnits: 0,
    unconfirmedUnits: 0,
    errorAtSend: { sum: 0, count: 0, meanSquare: 0 },
    errorAtReceipt: { sum: 0, count: 0, meanSquare: 0 },
    settledUnits: 0,
    taughtPerMinute: undefined,
    taughtDepth: undefined,
    estimatedTotal: 0,
    estimatedCalls: 0,
    anchor: null,
    chargeRatio: undefined,
    chargeSamples: 0,
    declaredPerMinute: null,
  };
}

function note(running: RunningError, error: number): void {
  running.sum += error;
  running.count += 1;
  running.meanSquare += SMOOTHING * (error * error - running.meanSquare);
}
