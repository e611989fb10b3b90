/** Whether what a batch asks of a model can be expected to be answered within its window. */

import { duration, percent } from '../lanes/duration-words.ts';
import type { Lane } from '../lanes/lane.ts';
import { gatherMs, type LaneOutlook } from '../lanes/plan-lane.ts';

export interface WindowQuestion {
  readonly model: string;
  readonly requests: number;
  /** As the caller wrote it. */
  readonly window: string;
  /** What is left of the window. Unit: ms. */
  readonly leftMs: number;
  /** Forced by the caller; `null` lets the planner choose. */
  readonly wanted: Lane | null;
  readonly offered: readonly Lane[];
  /** What the requests take at least in the synchronous lane, at the limits. Unit: ms. */
  readonly drainMs: number;
}

/** A window that native batches miss more often than they meet it is not one to count on. */
const LIKELY = 0.5;

/** A full bucket is there to begin with: a minute's worth. Unit: ms. */
const BURST_MS = 60_000;

/**
 * One sentence with the numbers, where neither the synchronous lane at its limits nor a native batch
 * can be expected to end in time; else `null`.
 */
export function explainUnreachable(
  { model, requests, window, leftMs, wanted, offered, drainMs }: WindowQuestion,
  { backlogMs, turnaround, tickMs, hasNativeRoom }: LaneOutlook,
): string | null {
  const isNativeOnly = wanted === 'native';
  const mayBeNative = offered.includes('native') && (wanted === null || isNativeOnly);
  const queuedMs = backlogMs + drainMs;
  if (!isNativeOnly && queuedMs - BURST_MS <= leftMs) return null;
  const share = turnaround.shareWithin(leftMs - gatherMs(leftMs) - tickMs);
  if (mayBeNative && hasNativeRoom && share >= LIKELY) return null;
  const behind =
    backlogMs < BURST_MS ? '' : `, ${duration(backlogMs)} of it for what waits already`;
  const needs = isNativeOnly
    ? `${requests} requests of ${model} were to go as a native batch`
    : `${requests} requests of ${model} take at least ${duration(queuedMs)} at the rates it is allowed${behind}`;
  const seen = turnaround.seen < 1 ? 'assumed' : `of ${Math.round(turnaround.seen)} seen`;
  const native = !mayBeNative
    ? ''
    : hasNativeRoom
      ? `; ${percent(share)} of its native batches (${seen}) end in that time`
      : `; the provider's queue of native batches is full`;
  return `${needs}; the completion window of ${window} leaves ${duration(leftMs)}${native}. What is late expires.`;
}
