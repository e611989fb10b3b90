import type { Claim } from '../../domain/capacity/capacity-purchase.ts';
import type { Work } from './work-queue.ts';

/** Work that capacity was bought for, each with the instant at which it may leave. */
export class Chunk {
  private readonly works: readonly Work[];
  private readonly claims: readonly Claim[];
  private readonly beginsAtMs: number;
  private readonly offsetsMs: readonly number[];
  /** Index of the next to leave. */
  private next = 0;

  /** Claims beyond the works were not granted. */
  constructor(
    works: readonly Work[],
    claims: readonly Claim[],
    beginsAtMs: number,
    offsetsMs: readonly number[],
  ) {
    this.works = works;
    this.claims = claims;
    this.beginsAtMs = beginsAtMs;
    this.offsetsMs = offsetsMs;
  }

  /** How many have not left yet. */
  get left(): number {
    return this.works.length - this.next;
  }

  get rest(): readonly Work[] {
    return this.works.slice(this.next);
  }

  get restClaims(): readonly Claim[] {
    return this.claims.slice(this.next, this.works.length);
  }

  find(id: string): Work | undefined {
    return this.works.find(({ request }) => request.id === id);
  }

  /** The next to leave, and when; `null` when all have left. */
  peek(): { readonly work: Work; readonly claim: Claim; readonly atMs: number } | null {
    const work = this.works[this.next];
    const claim = this.claims[this.next];
    if (work === undefined || claim === undefined) return null;
    return { work, claim, atMs: this.beginsAtMs + (this.offsetsMs[this.next] ?? 0) };
  }

  take(): void {
    this.next += 1;
  }
}

export const NOTHING_BOUGHT = new Chunk([], [], 0, []);
