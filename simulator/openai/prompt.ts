import type { AnswerFormat, Problem, ReadContext, Segment } from '../call.ts';
import { asArray, asString, isObject, type JsonObject } from '../json.ts';
import type { ModelSettings, Settings } from '../options.ts';
import { invalidRequest, unknownModel } from './errors.ts';

/** What framing adds to a prompt. Documented for chat: 3 per message, and 3 that open the reply. */
const MESSAGE_TOKENS = 3;
const REPLY_TOKENS = 3;

/** What an image adds. Inferred from one recording. */
const IMAGE_TOKENS = 765;

/** What admission adds to the characters' share. Fitted to recordings. */
const HEADER_FIT_TOKENS = 17;

const DEFAULT_CONTEXT_WINDOW = 128_000;
const DEFAULT_MAX_OUTPUT_TOKENS = 16_384;

/** The text of a prompt, and what else in it costs tokens. */
export interface Prompt {
  readonly segments: readonly Segment[];
  readonly images: number;
}

export interface PromptTokens {
  readonly promptTokens: number;
  readonly estimateTokens: number;
}

/** Counts a prompt by the simulator's own tokenizer, and as admission estimates it. */
export function countPrompt({ segments, images }: Prompt, settings: Settings): PromptTokens {
  let chars = 0;
  let framed = 0;
  let toolChars = 0;
  for (const { role, text } of segments) {
    if (role === 'tools') toolChars += text.length;
    else {
      chars += text.length;
      framed += 1;
    }
  }
  const { charsPerToken, estimate } = settings;
  const promptTokens =
    Math.ceil((chars + toolChars) / charsPerToken) +
    framed * MESSAGE_TOKENS +
    REPLY_TOKENS +
    images * IMAGE_TOKENS;
  if (estimate === 'plain') return { promptTokens, estimateTokens: promptTokens };
  const estimateTokens =
    HEADER_FIT_TOKENS + Math.ceil(chars / charsPerToken) + images * IMAGE_TOKENS;
  return { promptTokens, estimateTokens };
}

/** The named model, or what OpenAI says when it is missing or unknown. */
export function readModel(
  body: JsonObject,
  context: ReadContext,
): { readonly model: string; readonly settings: ModelSettings } | Problem {
  const model = asString(body['model']);
  if (model === undefined || model === '') {
    return invalidRequest('you must provide a model parameter', null, null);
  }
  const settings = context.model(model);
  return settings === undefined ? unknownModel(model) : { model, settings };
}

/** The 400 of a request that the model could never answer in full, or undefined. */
export function checkSize(
  promptTokens: number,
  maxOutputTokens: number | undefined,
  { model, settings }: { readonly model: string; readonly settings: ModelSettings },
  promptParam: string,
  maxParam: string,
): Problem | undefined {
  const mostOutput = settings.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  if (maxOutputTokens !== undefined && maxOutputTokens > mostOutput) {
    return invalidRequest(
      `${maxParam} is too large: ${maxOutputTokens}. This model supports at most ${mostOutput} completion tokens, whereas you provided ${maxOutputTokens}.`,
      maxParam,
      'invalid_value',
      model,
    );
  }
  const window = settings.contextWindow ?? DEFAULT_CONTEXT_WINDOW;
  const total = promptTokens + (maxOutputTokens ?? 0);
  if (total <= window) return undefined;
  const asked =
    maxOutputTokens === undefined
      ? `your messages resulted in ${promptTokens} tokens. Please reduce the length of the messages.`
      : `you requested ${total} tokens (${promptTokens} in the messages, ${maxOutputTokens} in the completion). Please reduce the length of the messages or completion.`;
  return invalidRequest(
    `This model's maximum context length is ${window} tokens. However, ${asked}`,
    promptParam,
    'context_length_exceeded',
    model,
  );
}

/** The text and images of message content, or undefined when it has no known shape. */
export function readContent(content: unknown): { text: string; images: number } | undefined {
  if (typeof content === 'string') return { text: content, images: 0 };
  const parts = asArray(content);
  if (!parts) return undefined;
  let text = '';
  let images = 0;
  for (const part of parts) {
    if (!isObject(part)) return undefined;
    const type = asString(part['type']);
    const written = asString(part['text']) ?? asString(part['refusal']);
    if (type?.includes('image')) images += 1;
    else if (written !== undefined) text += written;
    else if (type === undefined || type.includes('text')) return undefined;
  }
  return { text, images };
}

/** Tools come first in the prompt that a cache sees; they count, but not at admission. */
export function toolSegments(tools: unknown): Segment[] {
  const list = asArray(tools);
  return list && list.length > 0 ? [{ role: 'tools', text: JSON.stringify(list) }] : [];
}

/** The shape asked for by a forced tool or a structured-output format. */
export function readFormat(
  tools: readonly { readonly name: string; readonly schema: unknown }[],
  choice: unknown,
  format: unknown,
): AnswerFormat {
  const named = isObject(choice)
    ? (asString(choice['name']) ??
      (isObject(choice['function']) ? asString(choice['function']['name']) : undefined))
    : undefined;
  const tool = named === undefined ? tools[0] : tools.find(({ name }) => name === named);
  if (tool && (named !== undefined || choice === 'required')) {
    // Documented: a tool forced by name ends with "stop", one chosen by the model with "tool_calls".
    return { kind: 'tool', ...tool, finish: named === undefined ? 'tool_calls' : 'stop' };
  }
  if (!isObject(format)) return { kind: 'text' };
  if (format['type'] === 'json_object') return { kind: 'json', schema: ANY_OBJECT };
  if (format['type'] !== 'json_schema') return { kind: 'text' };
  const inner = format['json_schema'];
  return { kind: 'json', schema: isObject(inner) ? inner['schema'] : format['schema'] };
}

const ANY_OBJECT = {
  type: 'object',
  properties: { id: { type: 'string' }, answer: { type: 'string' } },
};
