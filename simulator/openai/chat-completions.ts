import type { Answer, AnswerFormat, Call, Endpoint, Problem, Segment } from '../call.ts';
import { asArray, asInteger, asString, isObject, type JsonObject } from '../json.ts';
import { invalidRequest } from './errors.ts';
import {
  checkSize,
  countPrompt,
  type Prompt,
  readContent,
  readFormat,
  readModel,
  toolSegments,
} from './prompt.ts';

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);
const MAX_CHOICES = 128;

/** POST /v1/chat/completions. */
export const chatCompletions: Endpoint = {
  read(body, context): Call | Problem {
    if (!isObject(body)) return invalidRequest('The body must be a JSON object.', null, null);
    const named = readModel(body, context);
    if ('status' in named) return named;
    const prompt = readMessages(body, named.model);
    if ('status' in prompt) return prompt;
    const maxOutputTokens = readMaxTokens(body, named.model);
    if (typeof maxOutputTokens === 'object') return maxOutputTokens;
    const tokens = countPrompt(prompt, context.settings);
    const maxParam = 'max_completion_tokens' in body ? 'max_completion_tokens' : 'max_tokens';
    const oversize = checkSize(tokens.promptTokens, maxOutputTokens, named, 'messages', maxParam);
    if (oversize) return oversize;
    const choices = asInteger(body['n'] ?? 1, 1);
    if (choices === undefined || choices > MAX_CHOICES) {
      return invalidRequest(
        `Invalid 'n': must be an integer from 1 to ${MAX_CHOICES}.`,
        'n',
        'invalid_value',
        named.model,
      );
    }
    const tier = body['service_tier'] === 'flex' ? 'flex' : 'default';
    const format = readFormat(readTools(body), body['tool_choice'], body['response_format']);
    const isStream = body['stream'] === true;
    const options = body['stream_options'];
    const wantsUsage = isObject(options) && options['include_usage'] === true;
    const shape: Shape = { choices, tier, format };
    return {
      model: named.model,
      segments: prompt.segments,
      ...tokens,
      maxOutputTokens,
      choices,
      tier,
      format,
      ...readKeys(body),
      caching: 'automatic',
      contentType: isStream ? 'text/event-stream' : 'application/json',
      render: (answer) =>
        isStream
          ? renderEvents(answer, shape, wantsUsage)
          : JSON.stringify(renderCompletion(answer, shape)),
    };
  },
};

interface Shape {
  readonly choices: number;
  readonly tier: string;
  readonly format: AnswerFormat;
}

/** The keys by which a body itself may name its request. */
export function readKeys(body: JsonObject): Pick<Call, 'metadataKey' | 'userKey'> {
  const metadata = body['metadata'];
  return {
    metadataKey: isObject(metadata) ? asString(metadata['request_id']) : undefined,
    userKey: asString(body['user']),
  };
}

function readMessages(body: JsonObject, model: string): Prompt | Problem {
  if (body['messages'] === undefined) {
    const text = "Missing required parameter: 'messages'.";
    return invalidRequest(text, 'messages', 'missing_required_parameter', model);
  }
  const messages = asArray(body['messages']);
  if (!messages) {
    const text = "Invalid type for 'messages': expected an array of objects.";
    return invalidRequest(text, 'messages', 'invalid_type', model);
  }
  if (messages.length === 0) {
    const text =
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
    return invalidRequest(text, 'messages', 'empty_array', model);
  }
  const segments: Segment[] = toolSegments(body['tools']);
  let images = 0;
  for (const [index, message] of messages.entries()) {
    const place = `messages[${index}]`;
    const role = isObject(message) ? asString(message['role']) : undefined;
    if (!isObject(message) || role === undefined || !ROLES.has(role)) {
      const text = `Invalid value for '${place}.role': expected one of ${[...ROLES].join(', ')}.`;
      return invalidRequest(text, `${place}.role`, 'invalid_value', model);
    }
    const isToolCall = role === 'assistant' && message['content'] == null;
    const content = isToolCall
      ? { text: JSON.stringify(message['tool_calls'] ?? ''), images: 0 }
      : readContent(message['content']);
    if (content === undefined) {
      const text = `Invalid type for '${place}.content': expected one of a string or array of objects.`;
      return invalidRequest(text, `${place}.content`, 'invalid_type', model);
    }
    segments.push({ role, text: content.text });
    images += content.images;
  }
  return { segments, images };
}

function readMaxTokens(body: JsonObject, model: string): number | undefined | Problem {
  const { max_tokens: old, max_completion_tokens: current } = body;
  if (old != null && current != null) {
    const text =
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    return invalidRequest(text, 'max_tokens', 'invalid_parameter_combination', model);
  }
  const given = old ?? current;
  if (given == null) return undefined;
  const param = old == null ? 'max_completion_tokens' : 'max_tokens';
  const text = `Invalid '${param}': integer below minimum value. Expected a value >= 1, but got ${JSON.stringify(given)} instead.`;
  return asInteger(given, 1) ?? invalidRequest(text, param, 'integer_below_min_value', model);
}

function readTools(body: JsonObject): { name: string; schema: unknown }[] {
  return (asArray(body['tools']) ?? []).flatMap((tool) => {
    const declared = isObject(tool) ? tool['function'] : undefined;
    const name = isObject(declared) ? asString(declared['name']) : undefined;
    return isObject(declared) && name !== undefined
      ? [{ name, schema: declared['parameters'] }]
      : [];
  });
}

function renderCompletion(answer: Answer, { choices, tier, format }: Shape): object {
  return {
    id: `chatcmpl-${answer.id}`,
    object: 'chat.completion',
    created: Math.floor(answer.createdAtMs / 1_000),
    model: answer.snapshot,
    choices: Array.from({ length: choices }, (_, index) => ({
      index,
      message: {
        role: 'assistant',
        ...renderMessage(answer, format, index),
        refusal: null,
        annotations: [],
      },
      logprobs: null,
      finish_reason: answer.finish,
    })),
    usage: renderUsage(answer),
    service_tier: tier,
    system_fingerprint: 'fp_simulator',
  };
}

function renderMessage({ id, text }: Answer, format: AnswerFormat, index: number): object {
  if (format.kind !== 'tool' || text === null) return { content: text };
  return { content: null, tool_calls: [renderToolCall(id, format.name, text, index)] };
}

function renderToolCall(id: string, name: string, json: string, index: number): object {
  const call = { name, arguments: json };
  return { id: `call_${id.slice(-22)}${index}`, type: 'function', function: call };
}

function renderUsage({ usage }: Answer): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.promptTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Server-sent events of a whole answer: the role, the text in pieces, the end, the usage. */
function renderEvents(
  answer: Answer,
  { choices, tier, format }: Shape,
  wantsUsage: boolean,
): string {
  const head = {
    id: `chatcmpl-${answer.id}`,
    object: 'chat.completion.chunk',
    created: Math.floor(answer.createdAtMs / 1_000),
    model: answer.snapshot,
    service_tier: tier,
    system_fingerprint: 'fp_simulator',
  };
  const events: object[] = [];
  const push = (index: number, delta: object, finish: string | null): void => {
    const choice = { index, delta, logprobs: null, finish_reason: finish };
    events.push({ ...head, choices: [choice], ...(wantsUsage && { usage: null }) });
  };
  for (let index = 0; index < choices; index += 1) {
    push(index, { role: 'assistant', content: '', refusal: null }, null);
    if (format.kind === 'tool' && answer.text !== null) {
      const call = renderToolCall(answer.id, format.name, answer.text, index);
      push(index, { tool_calls: [{ index: 0, ...call }] }, null);
    } else {
      for (const content of answer.text?.match(/.{1,48}/gs) ?? []) push(index, { content }, null);
    }
    push(index, {}, answer.finish);
  }
  if (wantsUsage) events.push({ ...head, choices: [], usage: renderUsage(answer) });
  const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`);
  return `${lines.join('')}data: [DONE]\n\n`;
}
