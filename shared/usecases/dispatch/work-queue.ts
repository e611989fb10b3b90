/** Requests one model's dispatcher holds leases of and has not sent, in order of dispatch. */

import type { PrefixWarming } from '../../domain/caching/prefix-warming.ts';
import type { LeasedRequest } from '../../domain/requests/request.ts';

/** A leased request with what its attempts have taught so far. */
export interface Work {
  readonly request: LeasedRequest;
  /** Attempts that counted. */
  attempts: number;
  /** Refusals for overload. */
  overloads: number;
  firstAttemptAtMs: number | null;
  /** Set when the discounted lane had no room for it. */
  isLiveOnly: boolean;
  /** Bytes of the body (or of the whole input line) once read. */
  payload: Uint8Array | null;
  /** True when others in the queue share its opening. */
  sharesPrefix: boolean;
  /** The caller withdrew it while we held it. */
  isWithdrawn: boolean;
}

export function createWork(request: LeasedRequest): Work {
  return {
    request,
    attempts: request.attempts,
    overloads: 0,
    firstAttemptAtMs: request.firstAttemptAtMs,
    isLiveOnly: false,
    payload: null,
    sharesPrefix: false,
    isWithdrawn: false,
  };
}

export interface Selection {
  readonly works: readonly Work[];
  /** When works were passed over to wait for their leader: time until the first may go. Unit: ms. */
  readonly heldMs: number;
}

export class WorkQueue {
  private readonly waiting: Work[] = [];
  private readonly delayed: { work: Work; dueAtMs: number }[] = [];
  private readonly warming: PrefixWarming;

  constructor(warming: PrefixWarming) {
    this.warming = warming;
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  get size(): number {
    return this.waiting.length + this.delayed.length;
  }

  /** Newly leased work, already in order. */
  append(works: readonly Work[]): void {
    this.waiting.push(...works);
  }

  /** Work that could not go after all, to be the next to go. */
  putBack(works: readonly Work[]): void {
    this.waiting.unshift(...works);
  }

  delay(work: Work, dueAtMs: number): void {
    this.delayed.push({ work, dueAtMs });
  }

  /** Moves retries that are due to the front; returns the time until the next one. Unit: ms. */
  promoteDue(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (let index = this.delayed.length - 1; index >= 0; index -= 1) {
      const entry = this.delayed[index];
      if (entry === undefined) continue;
      if (entry.dueAtMs <= nowMs) {
        this.delayed.splice(index, 1);
        this.waiting.unshift(entry.work);
      } else nextMs = Math.min(nextMs, entry.dueAtMs - nowMs);
    }
    return nextMs;
  }

  /**
   * The next works that may go together, at most `limit`, without removing them. Of a cold
   * opening that others share only the leader is taken; followers wait until it is warm.
   */
  select(limit: number, nowMs: number): Selection {
    const works: Work[] = [];
    const leading = new Set<string>();
    let heldMs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.waiting.length && works.length < limit; index += 1) {
      const work = this.waiting[index];
      if (work === undefined) break;
      const key = work.request.prefixKey;
      if (key !== null) {
        const holdMs = leading.has(key)
          ? this.warming.followerHoldMs
          : this.warming.holdMs(key, nowMs);
        if (holdMs > 0) {
          heldMs = Math.min(heldMs, holdMs);
          continue;
        }
        if (this.warming.isCold(key, nowMs)) leading.add(key);
        work.sharesPrefix =
          this.warming.isKnown(key) || this.waiting[index + 1]?.request.prefixKey === key;
      }
      works.push(work);
    }
    return { works, heldMs };
  }

  /** Takes out works that `select` returned. */
  remove(works: readonly Work[]): void {
    const isLeadingRun = works.every((work, index) => this.waiting[index] === work);
    if (isLeadingRun) {
      this.waiting.splice(0, works.length);
      return;
    }
    const taken = new Set(works);
    let kept = 0;
    for (const work of this.waiting) {
      if (!taken.has(work)) {
        this.waiting[kept] = work;
        kept += 1;
      }
    }
    this.waiting.length = kept;
  }

  /** Takes out everything; `dueAtMs` is 0 for what was not waiting for an instant of its own. */
  clear(): { work: Work; dueAtMs: number }[] {
    const waiting = this.waiting.splice(0).map((work) => ({ work, dueAtMs: 0 }));
    return [...waiting, ...this.delayed.splice(0)];
  }

  /** Everything held here. */
  all(): Work[] {
    return [...this.waiting, ...this.delayed.map(({ work }) => work)];
  }

  /** Bodies held in memory. Unit: bytes. */
  get loadedBytes(): number {
    return this.waiting.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
  }

  /** The first works without a payload, at most `limit`. */
  unloaded(limit: number): Work[] {
    const works: Work[] = [];
    for (let index = 0; index < Math.min(limit, this.waiting.length); index += 1) {
      const work = this.waiting[index];
      if (work !== undefined && work.payload === null) works.push(work);
    }
    return works;
  }

  find(id: string): Work | undefined {
    return (
      this.waiting.find(({ request }) => request.id === id) ??
      this.delayed.find(({ work }) => work.request.id === id)?.work
    );
  }
}
