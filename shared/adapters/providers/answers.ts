/** What a success must hold to count as an answer, per endpoint, and what it cost in tokens. */

import { NO_USAGE, type TokenUsage } from '../../domain/cost/usage.ts';
import type { Endpoint } from '../../domain/requests/request.ts';
import { isRecord, type JsonRecord } from './json.ts';

export type ReadAnswer =
  | { readonly kind: 'answer'; readonly usage: TokenUsage; readonly finishReason: string | null }
  /** The provider says that it failed, under a status of success. */
  | { readonly kind: 'error' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Checks a 2xx body. The fields nobody here depends on are left unchecked: providers add and vary them. */
export function readAnswer(endpoint: Endpoint, body: unknown): ReadAnswer {
  if (!isRecord(body)) return malformed('The answer is not a JSON object');
  const shape = SHAPES[endpoint];
  if (!shape.isComplete(body)) {
    return isRecord(body['error']) || typeof body['error'] === 'string'
      ? { kind: 'error' }
      : malformed(`The answer has no ${shape.required}`);
  }
  if (shape.isFailed(body)) return { kind: 'error' };
  const usage = readUsage(body['usage'], shape.usage);
  if (usage === null) return malformed('The usage in the answer is not a set of token counts');
  return { kind: 'answer', usage, finishReason: shape.finishReason(body) };
}

interface AnswerShape {
  /** Names what `isComplete` looks for. */
  readonly required: string;
  isComplete(body: JsonRecord): boolean;
  isFailed(body: JsonRecord): boolean;
  finishReason(body: JsonRecord): string | null;
  usage(counts: Counts): TokenUsage;
}

const SHAPES: Readonly<Record<Endpoint, AnswerShape>> = {
  '/v1/chat/completions': {
    required: 'choice with a message that says something',
    isComplete: (body) => isSpeaking(firstOf(body['choices'])),
    isFailed: () => false,
    finishReason: (body) => textOrNull(firstOf(body['choices'])?.['finish_reason']),
    usage: (counts) => openAiUsage(counts, 'prompt_tokens', 'completion_tokens'),
  },
  '/v1/responses': {
    required: 'output of a run that has ended',
    isComplete: (body) => {
      const { status, output } = body;
      if (status === 'failed') return true;
      if (!Array.isArray(output) || UNFINISHED.has(status)) return false;
      return output.length > 0 || status === 'incomplete';
    },
    isFailed: (body) => body['status'] === 'failed',
    finishReason: (body) => {
      const details = body['incomplete_details'];
      const reason = isRecord(details) ? textOrNull(details['reason']) : null;
      return reason ?? textOrNull(body['status']);
    },
    usage: (counts) => openAiUsage(counts, 'input_tokens', 'output_tokens'),
  },
  '/v1/embeddings': {
    required: 'data with an embedding',
    isComplete: (body) => {
      const embedding = firstOf(body['data'])?.['embedding'];
      return Array.isArray(embedding) || typeof embedding === 'string';
    },
    isFailed: () => false,
    finishReason: () => null,
    usage: (counts) => openAiUsage(counts, 'prompt_tokens', 'completion_tokens'),
  },
  '/v1/messages': {
    required: 'content',
    isComplete: (body) => Array.isArray(body['content']) && body['type'] !== 'error',
    isFailed: () => false,
    finishReason: (body) => textOrNull(body['stop_reason']),
    usage: anthropicUsage,
  },
};

/** States of a response that runs in the background or was called off: not answers. */
const UNFINISHED: ReadonlySet<unknown> = new Set(['queued', 'in_progress', 'cancelled']);

/** Fields of a chat message that stand in for its text. */
const SPOKEN = ['content', 'refusal', 'tool_calls', 'function_call', 'audio'];

/** A message without content was cut off or filtered, or else is none: some gateways send such. */
function isSpeaking(choice: JsonRecord | undefined): boolean {
  const message = choice?.['message'];
  if (!isRecord(message)) return false;
  const isSpoken = SPOKEN.some((name) => {
    const said = message[name] ?? [];
    return !Array.isArray(said) || said.length > 0;
  });
  return isSpoken || (choice?.['finish_reason'] ?? 'stop') !== 'stop';
}

/** Reads token counts, and remembers whether one of them was not a count. */
class Counts {
  private readonly levels: readonly JsonRecord[];
  isSound = true;

  constructor(usage: JsonRecord) {
    const inner = ['prompt_tokens_details', 'input_tokens_details', 'cache_creation'];
    this.levels = [usage, ...inner.map((name) => usage[name]).filter(isRecord)];
  }

  /** 0 where the provider states none. */
  of(name: string): number {
    for (const level of this.levels) {
      const value = level[name];
      if (value === undefined || value === null) continue;
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
      this.isSound = false;
    }
    return 0;
  }
}

function readUsage(usage: unknown, read: AnswerShape['usage']): TokenUsage | null {
  if (usage === undefined || usage === null) return NO_USAGE;
  if (!isRecord(usage)) return null;
  const counts = new Counts(usage);
  const tokens = read(counts);
  return counts.isSound ? tokens : null;
}

/** OpenAI's prompt count includes what came from, and what went to, the cache. */
function openAiUsage(counts: Counts, promptName: string, outputName: string): TokenUsage {
  const prompt = counts.of(promptName);
  const cachedInputTokens = Math.min(prompt, counts.of('cached_tokens'));
  const cacheWriteTokens = Math.min(prompt - cachedInputTokens, counts.of('cache_write_tokens'));
  return {
    inputTokens: prompt - cachedInputTokens - cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    cacheWrite1hTokens: 0,
    outputTokens: counts.of(outputName),
  };
}

/** Anthropic's input count leaves out the cache; the split of writes by lifetime is optional. */
function anthropicUsage(counts: Counts): TokenUsage {
  const cacheWrite1hTokens = counts.of('ephemeral_1h_input_tokens');
  const written = counts.of('cache_creation_input_tokens');
  const stated5m = counts.of('ephemeral_5m_input_tokens');
  return {
    inputTokens: counts.of('input_tokens'),
    cachedInputTokens: counts.of('cache_read_input_tokens'),
    cacheWriteTokens: Math.max(stated5m, written - cacheWrite1hTokens),
    cacheWrite1hTokens,
    outputTokens: counts.of('output_tokens'),
  };
}

function malformed(detail: string): ReadAnswer {
  return { kind: 'malformed', detail };
}

function firstOf(list: unknown): JsonRecord | undefined {
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return isRecord(first) ? first : undefined;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
