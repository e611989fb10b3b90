import type { AnswerFormat, Call, Finish } from './call.ts';
import type { FaultKind } from './faults.ts';
import { sampleJson } from './json-sample.ts';
import type { Settings } from './options.ts';
import { lognormal, uniform } from './random.ts';

const SENTENCE =
  'The water runs down the long pipe and turns the wheel at the bottom of the hill, and what it gives is light for the houses along the shore. ';
const FILLER = SENTENCE.repeat(16);

/** Streams of draws; faults and samples use those from 1000 on. */
export const LATENCY_STREAM = 0;
const OUTPUT_STREAM = 2;
const FILLER_STREAM = 4;

/** An id, and the mark around it as the prompt writes it. */
export interface NamedId {
  readonly id: string;
  readonly written: string;
}

export interface Composition {
  readonly text: string | null;
  readonly finish: Finish;
  readonly outputTokens: number;
}

/**
 * The ids a prompt names, as written there, from the last segment that names any: what the user
 * asks about stands after the instructions, which may hold examples.
 */
export function findIds(call: Call, pattern: RegExp): NamedId[] {
  for (const segment of call.segments.toReversed()) {
    const found = [...segment.text.matchAll(pattern)];
    if (found.length > 0) return found.map(([written, id = written]) => ({ id, written }));
  }
  return [];
}

/** Writes the answer to one attempt: the same attempt always gets the same text. */
export function compose(
  call: Call,
  named: readonly NamedId[],
  base: number,
  settings: Settings,
  fault: FaultKind | undefined,
): Composition {
  const { format } = call;
  if (format.kind === 'none') {
    return { text: fault === 'null_content' ? null : '', finish: 'stop', outputTokens: 0 };
  }
  const ids = fault === 'wrong_ids' ? named.map(misname) : named;
  const limit = call.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const whole =
    format.kind === 'text'
      ? prose(ids, wantedTokens(limit, base, settings), base, settings.charsPerToken)
      : structured(format, ids, base);
  const tokens = Math.max(1, Math.ceil(whole.length / settings.charsPerToken));
  const isCut = tokens > limit;
  const kept = isCut ? whole.slice(0, Math.floor(limit * settings.charsPerToken)) : whole;
  const outputTokens = Math.min(tokens, limit);
  if (fault === 'content_filter') return { text: null, finish: 'content_filter', outputTokens };
  return {
    text: fault === 'null_content' ? null : kept,
    finish: isCut ? 'length' : naturalFinish(format),
    outputTokens,
  };
}

function misname({ id, written }: NamedId): NamedId {
  return { id: `${id}-wrong`, written: written.replace(id, `${id}-wrong`) };
}

function naturalFinish(format: AnswerFormat): Finish {
  return format.kind === 'tool' ? format.finish : 'stop';
}

function structured(
  format: Exclude<AnswerFormat, { kind: 'text' | 'none' }>,
  ids: readonly NamedId[],
  base: number,
): string {
  return JSON.stringify(sampleJson(format.schema, { base, ids: ids.map(({ id }) => id) }));
}

/** Answers take a share of what they were allowed, or of a typical allowance if that is less. */
function wantedTokens(limit: number, base: number, { output }: Settings): number {
  const share = lognormal(base, OUTPUT_STREAM, output.p50Share, output.p95Share);
  return Math.max(1, Math.round(share * Math.min(limit, output.typicalMaxTokens)));
}

/** Text that counts as exactly `tokens`, unless the ids alone are longer. */
function prose(
  ids: readonly NamedId[],
  tokens: number,
  base: number,
  charsPerToken: number,
): string {
  const opening = ids.map(({ written }) => written).join('\n');
  const chars = Math.floor(tokens * charsPerToken) - opening.length;
  if (chars <= 1) return opening === '' ? FILLER.slice(0, Math.max(1, chars)) : opening;
  const offset = Math.floor(uniform(base, FILLER_STREAM) * SENTENCE.length);
  const source =
    offset + chars > FILLER.length
      ? FILLER.repeat(Math.ceil((offset + chars) / FILLER.length))
      : FILLER;
  const body = source.slice(offset, offset + chars - (opening === '' ? 0 : 1));
  return opening === '' ? body : `${opening} ${body}`;
}
