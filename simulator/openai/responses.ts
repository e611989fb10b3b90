import type { Answer, AnswerFormat, Call, Endpoint, Problem, Segment } from '../call.ts';
import { asArray, asInteger, asString, isObject, type JsonObject } from '../json.ts';
import { readKeys } from './chat-completions.ts';
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

/** Documented for this route only. */
const LEAST_MAX_OUTPUT_TOKENS = 16;

/** POST /v1/responses, without streaming, background work or stored conversations. */
export const responses: Endpoint = {
  read(body, context): Call | Problem {
    if (!isObject(body)) return invalidRequest('The body must be a JSON object.', null, null);
    const named = readModel(body, context);
    if ('status' in named) return named;
    const unsupported = ['stream', 'background'].find((param) => body[param] === true);
    if (unsupported !== undefined) {
      const text = `The simulator does not model '${unsupported}' on this route; leave it out.`;
      return invalidRequest(text, unsupported, 'unsupported_parameter');
    }
    const prompt = readInput(body, named.model);
    if ('status' in prompt) return prompt;
    const given = body['max_output_tokens'] ?? undefined;
    const maxOutputTokens = asInteger(given, LEAST_MAX_OUTPUT_TOKENS);
    if (given !== undefined && maxOutputTokens === undefined) {
      const text = `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= ${LEAST_MAX_OUTPUT_TOKENS}, but got ${JSON.stringify(given)} instead.`;
      return invalidRequest(text, 'max_output_tokens', 'integer_below_min_value', named.model);
    }
    const tokens = countPrompt(prompt, context.settings);
    const { promptTokens } = tokens;
    const oversize = checkSize(promptTokens, maxOutputTokens, named, 'input', 'max_output_tokens');
    if (oversize) return oversize;
    const tier = body['service_tier'] === 'flex' ? 'flex' : 'default';
    const text = isObject(body['text']) ? body['text'] : {};
    const format = readFormat(readTools(body), body['tool_choice'], text['format']);
    return {
      model: named.model,
      segments: prompt.segments,
      ...tokens,
      maxOutputTokens,
      choices: 1,
      tier,
      format,
      ...readKeys(body),
      caching: 'automatic',
      contentType: 'application/json',
      render: (answer) => JSON.stringify(renderResponse(answer, body, format, tier)),
    };
  },
};

function readInput(body: JsonObject, model: string): Prompt | Problem {
  const { input, instructions } = body;
  const segments: Segment[] = toolSegments(body['tools']);
  if (typeof instructions === 'string') segments.push({ role: 'developer', text: instructions });
  if (typeof input === 'string') {
    return { segments: [...segments, { role: 'user', text: input }], images: 0 };
  }
  const items = asArray(input);
  if (!items || items.length === 0) {
    const code = input === undefined ? 'missing_required_parameter' : 'invalid_type';
    const text = "Invalid 'input': expected a string or an array with at least one item.";
    return invalidRequest(text, 'input', code, model);
  }
  let images = 0;
  for (const [index, item] of items.entries()) {
    const content = isObject(item) ? readItem(item) : undefined;
    if (!isObject(item) || content === undefined) {
      const text = `Invalid type for 'input[${index}].content': expected one of a string or array of objects.`;
      return invalidRequest(text, `input[${index}].content`, 'invalid_type', model);
    }
    segments.push({ role: asString(item['role']) ?? 'item', text: content.text });
    images += content.images;
  }
  return { segments, images };
}

/** Messages have content; calls and their outputs count as they are written. */
function readItem(item: JsonObject): { text: string; images: number } | undefined {
  if ((item['type'] ?? 'message') === 'message') return readContent(item['content']);
  return { text: JSON.stringify(item), images: 0 };
}

function readTools(body: JsonObject): { name: string; schema: unknown }[] {
  return (asArray(body['tools']) ?? []).flatMap((tool) => {
    const name = isObject(tool) ? asString(tool['name']) : undefined;
    return isObject(tool) && name !== undefined ? [{ name, schema: tool['parameters'] }] : [];
  });
}

const INCOMPLETE_REASONS: Readonly<Record<string, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

function renderResponse(
  answer: Answer,
  body: JsonObject,
  format: AnswerFormat,
  tier: string,
): object {
  const reason = INCOMPLETE_REASONS[answer.finish];
  const status = reason === undefined ? 'completed' : 'incomplete';
  const createdAt = Math.floor(answer.createdAtMs / 1_000);
  const { usage } = answer;
  return {
    id: `resp_${answer.id}`,
    object: 'response',
    created_at: createdAt,
    status,
    completed_at: reason === undefined ? createdAt : null,
    background: false,
    error: null,
    incomplete_details: reason === undefined ? null : { reason },
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    model: answer.snapshot,
    output: renderOutput(answer, format, status),
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: body['previous_response_id'] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: tier,
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: body['text'] ?? { format: { type: 'text' } },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    usage: {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.promptTokens + usage.outputTokens,
    },
    user: body['user'] ?? null,
    metadata: body['metadata'] ?? {},
  };
}

function renderOutput({ id, text }: Answer, format: AnswerFormat, status: string): object[] {
  if (text === null) return [];
  if (format.kind === 'tool') {
    const call = { call_id: `call_${id.slice(-24)}`, name: format.name, arguments: text, status };
    return [{ id: `fc_${id}`, type: 'function_call', ...call }];
  }
  const part = { type: 'output_text', text, annotations: [], logprobs: [] };
  return [{ id: `msg_${id}`, type: 'message', status, role: 'assistant', content: [part] }];
}
