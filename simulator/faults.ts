import { uniform } from './random.ts';

/**
 * What each fault does to the one request it hits.
 *
 * `refuse`: answered at once, before admission; nothing is spent, worked or billed.
 * `fail`:   admitted (quota spent), time passes, then an error; nothing is billed.
 * `spoil`:  admitted, worked and billed; what reaches the client is late, damaged or nothing.
 */
export const FAULT_PHASES = {
  /** 401 invalid key. */
  http401: 'refuse',
  /** 429 with retry-after and rate headers, though there was capacity. */
  http429: 'refuse',
  /** 429 with no headers that help. */
  http429_bare: 'refuse',
  /** 429 that no waiting cures: OpenAI insufficient_quota, Anthropic spend limit. */
  quota: 'refuse',
  /** 429 rate_limit_error / slow_down. */
  slow_down: 'refuse',
  /** 503 with code slow_down. */
  slow_down_503: 'refuse',
  /** 503 server_is_overloaded; Anthropic 529. */
  http503: 'refuse',
  /** 529 overloaded_error; OpenAI 503. */
  http529: 'refuse',
  /** 503 for everyone; meant to be used with a time span. */
  outage: 'refuse',
  /** 429 resource_unavailable, only for service_tier flex. */
  flex_unavailable: 'refuse',
  /** Connection reset before any work. */
  reset_before: 'refuse',
  /** 200 with an HTML page, as from a proxy in between. */
  html: 'refuse',
  /** 500 in place of the answer. */
  http500: 'fail',
  /** 504 in place of the answer. */
  http504: 'fail',
  /** Connection reset after the work was done and billed. */
  reset_after: 'spoil',
  /** The answer comes `duration` later (default 30 s). */
  hang: 'spoil',
  /** The body trickles over `duration` (default 5 s); the answer is whole. */
  dribble: 'spoil',
  /** The connection closes in the middle of the body. */
  truncated: 'spoil',
  /** 200 whose body is not JSON. */
  malformed_json: 'spoil',
  /** 200 with no body. */
  empty: 'spoil',
  /** The ids echoed in the answer belong to nobody. */
  wrong_ids: 'spoil',
  /** 200 without content. */
  null_content: 'spoil',
  /** Stopped by a content filter. */
  content_filter: 'spoil',
} as const satisfies Record<string, 'refuse' | 'fail' | 'spoil'>;

export type FaultKind = keyof typeof FAULT_PHASES;

export function isFaultKind(name: string): name is FaultKind {
  return Object.hasOwn(FAULT_PHASES, name);
}

/** Spoilt answers that are still the answer: late, but whole and right. */
const HARMLESS: ReadonlySet<FaultKind> = new Set(['hang', 'dribble']);

/** Whether a client that waits long enough gets a good answer in spite of the fault. */
export function leavesAnswerIntact(kind: FaultKind): boolean {
  return HARMLESS.has(kind);
}

export interface FaultRule {
  readonly kind: FaultKind;
  /** @default 1 */
  readonly probability?: number | undefined;
  /** From when on, counted from the start, the last reset or the setting of the rules. @default 0 */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** Strikes only the first so many attempts at a request. @default every attempt */
  readonly attempts?: number | undefined;
  /** For hang and dribble: how long; for http429: the retry-after. */
  readonly durationMs?: number | undefined;
  /** Strikes only this model. */
  readonly model?: string | undefined;
  /** Strikes only this operation on files and batches, e.g. `batches.create`. */
  readonly operation?: string | undefined;
}

export interface FaultCircumstances {
  readonly base: number;
  readonly attempt: number;
  readonly elapsedMs: number;
  readonly model: string;
  readonly isFlex: boolean;
  readonly operation?: string;
}

/** Streams above this one belong to faults, one per rule. */
const FAULT_STREAM = 1_000;

/** The first rule that strikes; each draws on its own, so adding a rule moves no other. */
export function chooseFault(
  rules: readonly FaultRule[],
  circumstances: FaultCircumstances,
): FaultRule | undefined {
  const { base, attempt, elapsedMs, model, isFlex, operation } = circumstances;
  return rules.find((rule, index) => {
    if (elapsedMs < (rule.fromMs ?? 0) || elapsedMs >= (rule.untilMs ?? Number.POSITIVE_INFINITY)) {
      return false;
    }
    if (attempt > (rule.attempts ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.model !== undefined && rule.model !== model) return false;
    if (rule.operation !== undefined && rule.operation !== operation) return false;
    if (rule.kind === 'flex_unavailable' && !isFlex) return false;
    return uniform(base, FAULT_STREAM + index) < (rule.probability ?? 1);
  });
}

const SPEC =
  /^([a-z0-9_]+)(?:=([^:@#]+))?(?::([0-9.]+))?(?:@([^-#]+)(?:-([^#]+))?)?(?:#([0-9]+))?$/;
const DURATION = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads `kind[=duration][:probability][@from[-until]][#attempts]`, comma separated, e.g.
 * `http500:0.02,hang=20s:0.002,outage@10s-20s`.
 * @throws {RangeError} naming the faulty part and what would be right.
 */
export function parseFaults(spec: string): FaultRule[] {
  return spec
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseFault);
}

function parseFault(part: string): FaultRule {
  const match = SPEC.exec(part);
  const [, kind = '', duration, probability, from, until, attempts] = match ?? [];
  if (match === null) {
    throw new RangeError(
      `fault "${part}": write kind[=duration][:probability][@from[-until]][#attempts], e.g. hang=20s:0.002@10s-60s#1`,
    );
  }
  if (!isFaultKind(kind)) {
    const kinds = Object.keys(FAULT_PHASES).join(', ');
    throw new RangeError(`fault "${part}": unknown kind "${kind}"; use one of ${kinds}`);
  }
  const share = probability === undefined ? undefined : Number(probability);
  if (share !== undefined && !(share >= 0 && share <= 1)) {
    throw new RangeError(`fault "${part}": probability ${probability} must lie between 0 and 1`);
  }
  return {
    kind,
    ...(share !== undefined && { probability: share }),
    ...(duration !== undefined && { durationMs: parseDuration(duration, part) }),
    ...(from !== undefined && { fromMs: parseDuration(from, part) }),
    ...(until !== undefined && { untilMs: parseDuration(until, part) }),
    ...(attempts !== undefined && { attempts: Number(attempts) }),
  };
}

function parseDuration(text: string, part: string): number {
  const [, amount, unit = ''] = DURATION.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (amount === undefined || unitMs === undefined) {
    throw new RangeError(`fault "${part}": duration "${text}" needs a unit: ms, s, m or h`);
  }
  return Number(amount) * unitMs;
}
