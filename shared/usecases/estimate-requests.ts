import type { ModelSpec, TokenEncoding } from '../domain/sizes/model-spec.ts';
import {
  type RequestContent,
  type RequestEstimate,
  readRequest,
} from '../domain/sizes/request-size.ts';
import {
  type Calibration,
  type CalibrationSample,
  calibrate,
  calibratedTokens,
  estimateText,
  UNCALIBRATED,
} from '../domain/sizes/text-estimate.ts';
import type { ModelCatalog } from '../ports/model-catalog.ts';
import type { CountText, TokenCounter } from '../ports/token-counter.ts';
import { createRepeatFilter } from './estimate/repeat-filter.ts';

/**
 * `fast` estimates everything and loads no vocabulary. `auto` counts what many requests share
 * once, estimates the rest, and counts where a limit is near. `exact` counts everything.
 */
export type EstimateMode = 'fast' | 'auto' | 'exact';

export interface RequestEstimatorPorts {
  readonly counter: TokenCounter;
  readonly catalog: ModelCatalog;
  /** @default 'auto' */
  readonly mode?: EstimateMode;
}

/** What the estimate of one request may be decided by. */
export interface EstimateOptions {
  /** Name to look the model up by, where it is not the body's own. */
  readonly model?: string;
  /** Largest request the buckets can ever admit, prompt and bounded answer together. Unit: tokens. */
  readonly largestBucketTokens?: number;
}

export interface RequestEstimator {
  /** Sizes one request. Never rejects on account of the body; only a vocabulary can fail to load. */
  estimate(url: string, body: unknown, options?: EstimateOptions): Promise<RequestEstimate>;
}

/** Shorter texts are estimated even when they recur: a few tokens decide nothing. Unit: UTF-16 units. */
const SHORTEST_SHARED = 200;

/** Distinct texts whose exact count teaches the estimate. */
const CALIBRATION_SAMPLES = 50;

/** As much of a text as is counted to learn from it. Unit: UTF-16 units. */
const SAMPLE_LENGTH = 1_000;

/**
 * An estimate further below a limit than this share need not be exact. Of all texts tried,
 * random letters and digits were underestimated most, by a quarter.
 */
const MARGIN = 0.35;

/** An estimate this many times over a limit is refused as it is: counting it would only cost. */
const HOPELESS_FACTOR = 2;

/** Assumed of an answer without a bound, as far as the model can give so much. Unit: tokens. */
export const ASSUMED_OUTPUT_TOKENS = 1_024;

const ESTIMATED_NOTE = 'Texts were estimated, not counted; a single one may be off by a fifth.';
const UNBOUNDED_NOTE = 'No output limit is set; the size of the answer is an assumption.';

/** Everything known of one encoding while requests stream by. */
interface EncodingState {
  readonly count: CountText | null;
  readonly samples: CalibrationSample[];
  calibration: Calibration;
}

/**
 * Sizes requests at a cost that suits a million of them. Keep one for a run: what it learns of
 * the first texts makes the estimates of the later ones better.
 */
export function createRequestEstimator(ports: RequestEstimatorPorts): RequestEstimator {
  const { counter, catalog, mode = 'auto' } = ports;
  const states = new Map<TokenEncoding, EncodingState>();
  const repeats = createRepeatFilter();

  async function stateOf(encoding: TokenEncoding): Promise<EncodingState> {
    const known = states.get(encoding);
    if (known !== undefined) return known;
    const count = mode === 'fast' ? null : await counter.load(encoding);
    // Another request may have been faster while the vocabulary loaded.
    const state = states.get(encoding) ?? { count, samples: [], calibration: UNCALIBRATED };
    states.set(encoding, state);
    return state;
  }

  async function estimate(
    url: string,
    body: unknown,
    options: EstimateOptions = {},
  ): Promise<RequestEstimate> {
    const content = readRequest(url, body);
    const spec = catalog.find(options.model ?? content.model);
    const state = states.get(spec.counting.encoding) ?? (await stateOf(spec.counting.encoding));
    const first = sizeUp(content, spec, (text) => tokensOf(state, spec, text));
    if (state.count === null || first.isCounted || !isDecisive(first, content, spec, options)) {
      return toEstimate(first, content, spec);
    }
    const { count } = state;
    const second = sizeUp(content, spec, (text) => ({ tokens: count(text), isCounted: true }));
    return toEstimate(second, content, spec);
  }

  function tokensOf(state: EncodingState, spec: ModelSpec, text: string): TextSize {
    const { count } = state;
    const isShared = mode === 'exact' || (text.length >= SHORTEST_SHARED && repeats.seen(text));
    if (count !== null && isShared) return { tokens: count(text), isCounted: true };
    const rough = estimateText(spec.counting.encoding, text);
    if (count !== null && state.samples.length < CALIBRATION_SAMPLES)
      learn(state, spec, count, text);
    return { tokens: calibratedTokens(rough, state.calibration), isCounted: false };
  }

  return { estimate };
}

function learn(state: EncodingState, spec: ModelSpec, count: CountText, text: string): void {
  if (text.length < SHORTEST_SHARED) return;
  const sample = text.length > SAMPLE_LENGTH ? text.slice(0, SAMPLE_LENGTH) : text;
  const estimate = estimateText(spec.counting.encoding, sample);
  state.samples.push({ estimate, tokens: count(sample) });
  state.calibration = calibrate(state.samples);
}

interface TextSize {
  readonly tokens: number;
  readonly isCounted: boolean;
}

/** The prompt in the model's own tokens. */
interface PromptSize {
  readonly inputTokens: number;
  readonly windowTokens: number;
  readonly isCounted: boolean;
}

function sizeUp(
  content: RequestContent,
  spec: ModelSpec,
  measure: (text: string) => TextSize,
): PromptSize {
  let sum = content.otherTokens;
  let longest = content.longestNumbered;
  let isCounted = true;
  for (const text of content.texts) {
    const size = measure(text);
    sum += size.tokens;
    if (size.tokens > longest) longest = size.tokens;
    if (!size.isCounted) isCounted = false;
  }
  const scale = spec.counting.perMille / 1000;
  const inputTokens = Math.ceil(sum * scale);
  const windowTokens = content.isWindowPerText ? Math.ceil(longest * scale) : inputTokens;
  return { inputTokens, windowTokens, isCounted };
}

/** Whether a limit lies so near that the estimate alone could decide wrongly. */
function isDecisive(
  size: PromptSize,
  content: RequestContent,
  spec: ModelSpec,
  { largestBucketTokens }: EstimateOptions,
): boolean {
  const output = content.maxOutputTokens ?? 0;
  const { contextWindow, maxInputTokens } = spec;
  return (
    isNear(size.windowTokens, maxInputTokens) ||
    isNear(size.windowTokens, leftOf(contextWindow, output / content.choices)) ||
    isNear(size.inputTokens, leftOf(largestBucketTokens, output))
  );
}

function leftOf(limit: number | undefined, taken: number): number | undefined {
  return limit === undefined ? undefined : Math.max(0, limit - taken);
}

function isNear(tokens: number, limit: number | undefined): boolean {
  if (limit === undefined) return false;
  return tokens * (1 + MARGIN) > limit && tokens <= limit * HOPELESS_FACTOR;
}

function toEstimate(size: PromptSize, content: RequestContent, spec: ModelSpec): RequestEstimate {
  const notes = [...content.notes];
  if (!size.isCounted) notes.push(ESTIMATED_NOTE);
  if (!spec.counting.isExact) notes.push(foreignNote(spec));
  const assumed = Math.min(ASSUMED_OUTPUT_TOKENS, spec.maxOutputTokens ?? ASSUMED_OUTPUT_TOKENS);
  const exact = notes.length === 0;
  if (content.maxOutputTokens === null) notes.push(UNBOUNDED_NOTE);
  return {
    inputTokens: size.inputTokens,
    windowTokens: size.windowTokens,
    maxOutputTokens: content.maxOutputTokens,
    assumedOutputTokens: content.maxOutputTokens ?? assumed * content.choices,
    choices: content.choices,
    exact,
    notes,
  };
}

function foreignNote({ counting }: ModelSpec): string {
  const share = counting.perMille === 1000 ? 'as' : `as ${counting.perMille / 1000} times`;
  return `The model's own vocabulary is not at hand; its tokens were taken ${share} ${counting.encoding}'s.`;
}
