/**
 * Which lane a request should wait in now: the cheapest that is expected to meet its deadline.
 *
 * A native batch costs nothing for rows it has not run, so it is worth a try whenever time is left
 * to cancel it and to run what it left. All decisions are pure: the same facts, the same plan.
 */

import { duration, percent } from './duration-words.ts';
import type { Lane } from './lane.ts';
import type { Turnaround } from './turnaround.ts';

/** What is known of one model now; the same for all of its requests. */
export interface LaneOutlook {
  /** Until the synchronous queue, at the limits, has sent what it holds. Unit: ms. */
  readonly backlogMs: number;
  /** Native batches of this model. */
  readonly turnaround: Turnaround;
  /** Within which a native batch is cancelled, but for rare ones. Unit: ms. */
  readonly cancelMs: number;
  /** Between two looks of the home at its jobs. Unit: ms. */
  readonly tickMs: number;
  /** Until a row that a job hands back has met a worker. Unit: ms. */
  readonly handOverMs: number;
  /** Whether the provider's queue takes more rows. */
  readonly hasNativeRoom: boolean;
}

/** What is known of one request. */
export interface LaneQuestion {
  /** Forced by the caller; `null` lets the planner choose. */
  readonly wanted: Lane | null;
  readonly offered: readonly Lane[];
  /** What it costs in each lane; `null` when the price is not known. Unit: any. */
  readonly costs: Readonly<Record<Lane, number>> | null;
  readonly deadlineAtMs: number | null;
  /** Longest answer it allows. Unit: tokens. */
  readonly maxOutputTokens: number;
  readonly nowMs: number;
}

export interface LaneDecision {
  readonly lane: Lane;
  /** `null` when nobody can tell. Unit: ms since the epoch. */
  readonly expectedFinishAtMs: number | null;
  /** When it leaves the native lane for a quicker one; `null` when it does not. Unit: as above. */
  readonly escalateAtMs: number | null;
  /** False when even the quickest lane is expected to be late. */
  readonly meetsDeadline: boolean;
  /** Share of such requests that are answered in this lane. */
  readonly chance: number;
  /** The lane of the others; `null` where there are none. */
  readonly otherwise: 'live' | 'flex' | null;
  /** One sentence, with the numbers it was decided by. */
  readonly why: string;
}

/** Time to the deadline from which the provider's discounted synchronous tier is worth trying. */
export const FLEX_NEEDS_MS = 10 * 60_000;
/** Of that, at least so much is for the tier itself; the rest is for a live answer. Unit: ms. */
const LEAST_FLEX_MS = 5 * 60_000;

/** A native try that succeeds more rarely is not worth the wait: all wait for one answer in twenty. */
const LEAST_CHANCE = 0.05;

/** Where a cheap lane without this doubt costs the same, the doubtful one is not taken. */
const LIKELY = 0.5;

/** Of each 64 ms of slack, one is spent on gathering rows for a job. Unit of the bound: ms. */
const GATHER_SHARE = 64;
const LONGEST_GATHER_MS = 5 * 60_000;

/** Shares of a list price, where the price itself is not known. */
const USUAL_COSTS: Readonly<Record<Lane, number>> = { live: 1, flex: 0.5, native: 0.5 };

/** Longest time one answer is expected to take, a second try included. Unit: ms. */
export function answerAllowanceMs(maxOutputTokens: number): number {
  const slowest = 4_000 + maxOutputTokens * 25;
  return Math.min(10 * 60_000, 2 * slowest);
}

/** The same for a request that may answer at length. Unit: ms. */
export function flexNeedsMs(maxOutputTokens: number): number {
  return Math.max(FLEX_NEEDS_MS, LEAST_FLEX_MS + answerAllowanceMs(maxOutputTokens));
}

/** Last instant at which a request may begin to wait for a live answer. Unit: ms since the epoch. */
export function lastLiveStartMs(
  deadlineAtMs: number,
  maxOutputTokens: number,
  { backlogMs, handOverMs }: Pick<LaneOutlook, 'backlogMs' | 'handOverMs'>,
): number {
  return deadlineAtMs - backlogMs - handOverMs - answerAllowanceMs(maxOutputTokens);
}

/** The same for an answer of the discounted tier, with time for a live one after it. */
export function lastFlexStartMs(
  deadlineAtMs: number,
  maxOutputTokens: number,
  { backlogMs, handOverMs }: Pick<LaneOutlook, 'backlogMs' | 'handOverMs'>,
): number {
  return deadlineAtMs - backlogMs - handOverMs - flexNeedsMs(maxOutputTokens);
}

/** How long rows are gathered for a job that must end within the slack; `null`: whenever. Unit: ms. */
export function gatherMs(slackMs: number | null): number {
  if (slackMs === null) return LONGEST_GATHER_MS;
  return Math.min(LONGEST_GATHER_MS, Math.max(0, Math.floor(slackMs / GATHER_SHARE)));
}

/** Plans one request. */
export function planLane(question: LaneQuestion, outlook: LaneOutlook): LaneDecision {
  const { wanted, offered, deadlineAtMs, nowMs } = question;
  if (wanted !== null && offered.includes(wanted)) return forced(wanted, question, outlook);
  const live = synchronous('live', question, outlook);
  if (deadlineAtMs === null) {
    return { ...live, why: 'Live: no time limit was set, and only a time limit buys a discount.' };
  }
  const costs = question.costs ?? USUAL_COSTS;
  const flex =
    offered.includes('flex') && costs.flex < costs.live && hasFlexTime(question, outlook)
      ? synchronous('flex', question, outlook)
      : null;
  const native =
    offered.includes('native') && costs.native < costs.live
      ? tryNative(question, deadlineAtMs, outlook, costs)
      : null;
  const room = `${duration(deadlineAtMs - nowMs)} to the deadline`;
  if (native !== null && isWorthIt(native, flex === null ? null : costs.flex)) {
    return native.decision;
  }
  if (flex !== null) {
    return { ...flex, why: `Flex: ${percent(1 - costs.flex / costs.live)} off, ${room}.` };
  }
  return { ...live, why: `Live: ${room}; ${whyNotCheaper(question, outlook, native)}.` };
}

/** A class of jobs: rows whose slack differs by less than half. `null` is the class without end. */
export function deadlineClass(deadlineAtMs: number | null, nowMs: number): number | null {
  if (deadlineAtMs === null) return null;
  const slackMs = Math.max(CLASS_FROM_MS, deadlineAtMs - nowMs);
  return Math.floor(CLASSES_PER_DOUBLING * Math.log2(slackMs / CLASS_FROM_MS));
}

const CLASS_FROM_MS = 60_000;
const CLASSES_PER_DOUBLING = 2;

interface NativeTry {
  readonly decision: LaneDecision;
  readonly chance: number;
  readonly expectedCost: number;
}

function tryNative(
  question: LaneQuestion,
  deadlineAtMs: number,
  outlook: LaneOutlook,
  costs: Readonly<Record<Lane, number>>,
): NativeTry | null {
  if (!outlook.hasNativeRoom) return null;
  const { nowMs } = question;
  const { turnaround, tickMs } = outlook;
  const { escalateAtMs, to } = escalation(question, deadlineAtMs, outlook, costs);
  const slackMs = escalateAtMs - nowMs;
  const waitMs = gatherMs(slackMs) + tickMs;
  const chance = turnaround.shareWithin(slackMs - waitMs);
  if (slackMs <= waitMs || chance < LEAST_CHANCE) return null;
  const expectedCost = chance * costs.native + (1 - chance) * costs[to];
  const halfMs = chance >= LIKELY ? turnaround.quantileMs(LIKELY) : null;
  const lateMs = slackMs + outlook.cancelMs + answerAllowanceMs(question.maxOutputTokens) / 4;
  const learnt = turnaround.seen < 1 ? 'assumed' : `of ${Math.round(turnaround.seen)} seen`;
  return {
    chance,
    expectedCost,
    decision: {
      lane: 'native',
      expectedFinishAtMs: Math.round(nowMs + (halfMs === null ? lateMs : waitMs + halfMs)),
      escalateAtMs,
      meetsDeadline: true,
      chance,
      otherwise: to,
      why: `Native: ${percent(1 - costs.native / costs.live)} off, and ${percent(chance)} of its batches (${learnt}) end within the ${duration(slackMs)} before it would go ${to}.`,
    },
  };
}

/** Until when a native job may be waited for, and what follows. */
function escalation(
  question: LaneQuestion,
  deadlineAtMs: number,
  outlook: LaneOutlook,
  costs: Readonly<Record<Lane, number>>,
): { escalateAtMs: number; to: 'live' | 'flex' } {
  const { cancelMs, tickMs } = outlook;
  const forLive =
    lastLiveStartMs(deadlineAtMs, question.maxOutputTokens, outlook) - cancelMs - tickMs;
  const forFlex =
    lastFlexStartMs(deadlineAtMs, question.maxOutputTokens, outlook) - cancelMs - tickMs;
  const hasFlex = question.offered.includes('flex') && costs.flex < costs.live;
  // Where the time does not reach for a try before flex, the try is before live.
  return hasFlex && forFlex - question.nowMs >= tickMs
    ? { escalateAtMs: Math.min(forLive, forFlex), to: 'flex' }
    : { escalateAtMs: forLive, to: 'live' };
}

function isWorthIt({ chance, expectedCost }: NativeTry, flexCost: number | null): boolean {
  if (flexCost === null) return true;
  // Sums of shares are not exact.
  const isSame = Math.abs(expectedCost - flexCost) <= flexCost * 1e-9;
  return isSame ? chance >= LIKELY : expectedCost < flexCost;
}

function hasFlexTime(
  { deadlineAtMs, maxOutputTokens, nowMs }: LaneQuestion,
  { backlogMs }: Pick<LaneOutlook, 'backlogMs'>,
): boolean {
  if (deadlineAtMs === null) return false;
  return deadlineAtMs - nowMs - backlogMs >= flexNeedsMs(maxOutputTokens);
}

/** A forced lane is kept, whatever it means for the deadline. */
function forced(lane: Lane, question: LaneQuestion, outlook: LaneOutlook): LaneDecision {
  if (lane !== 'native') {
    return { ...synchronous(lane, question, outlook), why: `${wordOf(lane)}: asked for.` };
  }
  const { nowMs, deadlineAtMs } = question;
  const halfMs = outlook.turnaround.quantileMs(LIKELY);
  const waitMs = gatherMs(deadlineAtMs === null ? 0 : deadlineAtMs - nowMs) + outlook.tickMs;
  const expectedFinishAtMs = halfMs === null ? null : nowMs + waitMs + halfMs;
  const half = halfMs === null ? '' : `; half of its batches end within ${duration(halfMs)}`;
  return {
    lane: 'native',
    expectedFinishAtMs,
    escalateAtMs: null,
    chance: 1,
    otherwise: null,
    meetsDeadline:
      deadlineAtMs === null || (expectedFinishAtMs ?? Number.POSITIVE_INFINITY) <= deadlineAtMs,
    why: `Native: asked for${half}.`,
  };
}

function synchronous(
  lane: 'live' | 'flex',
  { maxOutputTokens, deadlineAtMs, nowMs }: LaneQuestion,
  { backlogMs }: LaneOutlook,
): Omit<LaneDecision, 'why'> {
  // What one answer takes when nothing goes wrong is a quarter of what is allowed for it.
  const expectedFinishAtMs = nowMs + backlogMs + Math.round(answerAllowanceMs(maxOutputTokens) / 4);
  return {
    lane,
    expectedFinishAtMs,
    escalateAtMs: null,
    chance: 1,
    otherwise: null,
    meetsDeadline: deadlineAtMs === null || expectedFinishAtMs <= deadlineAtMs,
  };
}

function whyNotCheaper(
  { offered, deadlineAtMs, nowMs, maxOutputTokens, costs }: LaneQuestion,
  outlook: LaneOutlook,
  native: NativeTry | null,
): string {
  if (offered.every((lane) => lane === 'live')) return 'the model has no other lane';
  const prices = costs ?? USUAL_COSTS;
  const isDiscounted = offered.some((lane) => prices[lane] < prices.live);
  if (!isDiscounted) return 'no other lane of the model is cheaper';
  if (!offered.includes('native')) return `flex needs ${duration(flexNeedsMs(maxOutputTokens))}`;
  if (native !== null) return 'a native batch would most likely be too late';
  if (!outlook.hasNativeRoom) return "the provider's queue of native batches is full";
  const { cancelMs, tickMs, handOverMs } = outlook;
  const reserveMs = cancelMs + tickMs + handOverMs + answerAllowanceMs(maxOutputTokens);
  const half = outlook.turnaround.quantileMs(LIKELY);
  const backlog =
    outlook.backlogMs < 1_000 ? '' : ` behind a queue of ${duration(outlook.backlogMs)}`;
  const left = (deadlineAtMs ?? nowMs) - nowMs - reserveMs - outlook.backlogMs;
  return left <= 0
    ? `to cancel a native batch and answer live after it takes up to ${duration(reserveMs)}${backlog}`
    : `native batches take ${half === null ? 'too long' : `${duration(half)} as often as not`}`;
}

function wordOf(lane: Lane): string {
  return lane.charAt(0).toUpperCase() + lane.slice(1);
}
