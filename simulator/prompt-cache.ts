import type { Call, Segment, Usage } from './call.ts';
import type { Settings } from './options.ts';
import { digest, EMPTY_LANES, feed, type Lanes } from './random.ts';

/** The end of a prefix that a provider may have cached. */
export interface Mark {
  readonly tokens: number;
  readonly key: number;
  readonly ttlMs: number;
}

/** Automatic caching grows a prefix in steps of so many tokens. Documented by OpenAI. */
const STEP_TOKENS = 128;

/** How many blocks before a breakpoint are looked up. Documented by Anthropic. */
const LOOKBACK_BLOCKS = 20;

/** Opening segments at least so long are worth remembering: they are what requests share. */
const MEMO_CHARS = 1_024;
const MEMO_ENTRIES = 512;

/** Bounds memory: past it, the entries used least recently are dropped. */
const WARM_ENTRIES = 200_000;

/** What a prompt costs before anything is answered to it. */
export type PromptUsage = Omit<Usage, 'outputTokens'>;

/** Prefixes that live longer than this are written at the price of an hour. Unit: ms. */
const SHORT_TTL_MS = 300_000;

interface Walk {
  readonly lanes: Lanes;
  readonly chars: number;
  readonly marks: readonly Mark[];
}

interface Warmth {
  warmAtMs: number;
  expiresAtMs: number;
}

/**
 * Which prefixes of one model's prompts are warm. A prefix becomes warm when the prefill of the
 * first request that carries it ends, taken as half its service time, and stays so for the TTL
 * after its last use.
 */
export class PromptCache {
  readonly #isEnabled: boolean;
  readonly #charsPerToken: number;
  readonly #minTokens: number;
  readonly #ttlMs: number;
  readonly #warm = new Map<number, Warmth>();
  readonly #openings = new Map<string, Walk>();

  constructor({ enabled, minTokens, ttlMs }: Settings['cache'], charsPerToken: number) {
    this.#isEnabled = enabled;
    this.#charsPerToken = charsPerToken;
    this.#minTokens = minTokens;
    this.#ttlMs = ttlMs;
  }

  /** How much of the prompt is warm now, and which prefixes it will leave warm. */
  read(call: Call, nowMs: number): { usage: PromptUsage; carried: readonly Mark[] } {
    const { promptTokens, caching, segments } = call;
    const cold = { promptTokens, cachedTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 };
    if (!this.#isEnabled || caching === 'none' || promptTokens < this.#minTokens) {
      return { usage: cold, carried: [] };
    }
    if (caching === 'automatic') {
      const marks = this.#automaticMarks(segments);
      const cachedTokens = Math.min(promptTokens, this.#warmTokens(marks, nowMs));
      return { usage: { ...cold, cachedTokens }, carried: marks };
    }
    const { reads, writes } = this.#breakpointMarks(segments);
    const cachedTokens = this.#warmTokens(reads, nowMs);
    const usage = { ...cold, cachedTokens };
    const written = writes.filter((mark) => mark.tokens > cachedTokens);
    let from = cachedTokens;
    for (const { tokens, ttlMs } of written) {
      if (ttlMs > SHORT_TTL_MS) usage.cacheWrite1hTokens += tokens - from;
      else usage.cacheWrite5mTokens += tokens - from;
      from = tokens;
    }
    const reread = reads.filter((mark) => mark.tokens === cachedTokens);
    return { usage, carried: [...reread, ...written] };
  }

  /** Marks every 128 tokens from the minimum on; a segment shared by many requests is hashed once. */
  #automaticMarks(segments: readonly Segment[]): readonly Mark[] {
    let walk: Walk = { lanes: EMPTY_LANES, chars: 0, marks: [] };
    for (const [index, { role, text }] of segments.entries()) {
      if (index > 0 || text.length < MEMO_CHARS) {
        walk = this.#walk(walk, role, text);
        continue;
      }
      const memoKey = `${role}\n${text}`;
      const known = this.#openings.get(memoKey);
      walk = known ?? this.#walk(walk, role, text);
      if (known !== undefined) continue;
      if (this.#openings.size >= MEMO_ENTRIES) this.#openings.clear();
      this.#openings.set(memoKey, walk);
    }
    return walk.marks;
  }

  /** Marks to look up, and marks to write, for prompts whose caller sets the breakpoints. */
  #breakpointMarks(segments: readonly Segment[]): {
    readonly reads: readonly Mark[];
    readonly writes: readonly Mark[];
  } {
    const last = segments.findLastIndex((segment) => segment.cacheTtlMs !== undefined);
    const blocks: Mark[] = [];
    const readable = new Set<Mark>();
    const writes: Mark[] = [];
    let lanes = EMPTY_LANES;
    let chars = 0;
    for (const { role, text, cacheTtlMs } of segments.slice(0, last + 1)) {
      lanes = feed(feed(lanes, role), text);
      chars += text.length;
      const tokens = Math.ceil(chars / this.#charsPerToken);
      const mark = { tokens, key: digest(lanes), ttlMs: cacheTtlMs ?? this.#ttlMs };
      blocks.push(mark);
      if (cacheTtlMs === undefined || tokens < this.#minTokens) continue;
      writes.push(mark);
      for (const block of blocks.slice(-LOOKBACK_BLOCKS)) readable.add(block);
    }
    return { reads: [...readable], writes };
  }

  /** Tokens of the longest marked prefix that is warm now. */
  #warmTokens(marks: readonly Mark[], nowMs: number): number {
    let longest = 0;
    for (const { key, tokens } of marks) {
      const warmth = this.#warm.get(key);
      if (warmth === undefined || warmth.warmAtMs > nowMs || warmth.expiresAtMs <= nowMs) continue;
      longest = Math.max(longest, tokens);
    }
    return longest;
  }

  /** Notes that a request carries these prefixes and will have read them by `warmAtMs`. */
  carry(marks: readonly Mark[], nowMs: number, warmAtMs: number): void {
    for (const { key, ttlMs } of marks) {
      const known = this.#warm.get(key);
      const isAlive = known !== undefined && known.expiresAtMs > nowMs;
      const earliest = isAlive ? Math.min(known.warmAtMs, warmAtMs) : warmAtMs;
      this.#warm.delete(key);
      const livesUntilMs = Math.max(isAlive ? known.expiresAtMs : 0, warmAtMs + ttlMs);
      this.#warm.set(key, { warmAtMs: earliest, expiresAtMs: livesUntilMs });
    }
    for (const key of this.#warm.keys()) {
      if (this.#warm.size <= WARM_ENTRIES) break;
      this.#warm.delete(key);
    }
  }

  #walk(from: Walk, role: string, text: string): Walk {
    const marks = [...from.marks];
    let lanes = feed(from.lanes, role);
    let fed = 0;
    for (;;) {
      const tokens = this.#minTokens + marks.length * STEP_TOKENS;
      const end = Math.ceil(tokens * this.#charsPerToken) - from.chars;
      if (end > text.length) break;
      lanes = feed(lanes, text, fed, end);
      fed = end;
      marks.push({ tokens, key: digest(lanes), ttlMs: this.#ttlMs });
    }
    return { lanes: feed(lanes, text, fed), chars: from.chars + text.length, marks };
  }
}
