import type { Answer, AnswerFormat, Call, Endpoint, Problem, Segment } from '../call.ts';
import { asArray, asInteger, asString, isObject, type JsonObject } from '../json.ts';
import { anthropicProblem, invalidMessage } from './errors.ts';
import { type PromptBlocks, readPrompt } from './prompt.ts';

const DEFAULT_CONTEXT_WINDOW = 200_000;
const DEFAULT_MAX_OUTPUT_TOKENS = 64_000;
const MAX_BREAKPOINTS = 4;

/** POST /v1/messages, without streaming. */
export const messages: Endpoint = {
  read(body, context): Call | Problem {
    if (!isObject(body)) return invalidMessage('The request body must be a JSON object');
    const model = asString(body['model']);
    if (model === undefined) return invalidMessage('model: Field required');
    const settings = context.model(model);
    if (settings === undefined) {
      return anthropicProblem(404, 'not_found_error', `model: ${model}`);
    }
    if (body['stream'] === true) {
      return invalidMessage('stream: the simulator does not stream messages; leave it out');
    }
    const mostOutput = settings.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
    const maxOutputTokens = readMaxTokens(body, model, mostOutput);
    if (typeof maxOutputTokens === 'object') return maxOutputTokens;
    const prompt = readPrompt(body);
    if ('status' in prompt) return prompt;
    const misplaced = checkBreakpoints(prompt.segments);
    if (misplaced) return misplaced;
    const { charsPerToken } = context.settings;
    const promptTokens = countTokens(prompt, charsPerToken);
    const window = settings.contextWindow ?? DEFAULT_CONTEXT_WINDOW;
    if (promptTokens > window) {
      return invalidMessage(`prompt is too long: ${promptTokens} tokens > ${window} maximum`);
    }
    const metadata = body['metadata'];
    const metadataKeys = isObject(metadata) ? metadata : {};
    const format = readFormat(body);
    return {
      model,
      segments: prompt.segments,
      promptTokens,
      estimateTokens: promptTokens,
      maxOutputTokens,
      choices: 1,
      tier: 'default',
      format,
      metadataKey: asString(metadataKeys['request_id']),
      userKey: asString(metadataKeys['user_id']),
      caching: 'breakpoints',
      contentType: 'application/json',
      render: (answer) => JSON.stringify(renderMessage(answer, format)),
    };
  },
};

function readMaxTokens(body: JsonObject, model: string, most: number): number | Problem {
  if (body['max_tokens'] === undefined) return invalidMessage('max_tokens: Field required');
  const given = asInteger(body['max_tokens'], 1);
  if (given === undefined) {
    return invalidMessage('max_tokens: Input should be an integer greater than or equal to 1');
  }
  if (given <= most) return given;
  return invalidMessage(
    `max_tokens: ${given} > ${most}, which is the maximum allowed number of output tokens for ${model}`,
  );
}

function checkBreakpoints(segments: readonly Segment[]): Problem | undefined {
  const count = segments.filter(({ cacheTtlMs }) => cacheTtlMs !== undefined).length;
  if (count <= MAX_BREAKPOINTS) return undefined;
  return invalidMessage(
    `A maximum of ${MAX_BREAKPOINTS} blocks with cache_control may be provided. Found ${count}.`,
  );
}

/** An image counts by its area; this is one of about a megapixel. Documented rule of thumb. */
const IMAGE_TOKENS = 1_600;

function countTokens({ segments, images }: PromptBlocks, charsPerToken: number): number {
  const chars = segments.reduce((sum, { text }) => sum + text.length, 0);
  return Math.max(1, Math.ceil(chars / charsPerToken)) + images * IMAGE_TOKENS;
}

function readFormat(body: JsonObject): AnswerFormat {
  const choice = isObject(body['tool_choice']) ? body['tool_choice'] : {};
  const isForced = choice['type'] === 'any' || choice['type'] === 'tool';
  const tool = (asArray(body['tools']) ?? []).find(
    (one) => isObject(one) && (choice['type'] === 'any' || one['name'] === choice['name']),
  );
  const name = isObject(tool) ? asString(tool['name']) : undefined;
  if (isForced && isObject(tool) && name !== undefined) {
    return { kind: 'tool', name, schema: tool['input_schema'], finish: 'tool_calls' };
  }
  const config = isObject(body['output_config']) ? body['output_config'] : {};
  const format = config['format'] ?? body['output_format'];
  if (!isObject(format) || format['type'] !== 'json_schema') return { kind: 'text' };
  return { kind: 'json', schema: format['schema'] };
}

const STOP_REASONS = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
} as const;

function renderMessage(answer: Answer, format: AnswerFormat): object {
  const { usage } = answer;
  const { promptTokens, cachedTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage;
  const written = cacheWrite5mTokens + cacheWrite1hTokens;
  return {
    id: `msg_${answer.id}`,
    type: 'message',
    role: 'assistant',
    model: answer.snapshot,
    content: renderContent(answer, format),
    stop_reason: STOP_REASONS[answer.finish],
    stop_sequence: null,
    usage: {
      input_tokens: promptTokens - cachedTokens - written,
      cache_creation_input_tokens: written,
      cache_read_input_tokens: cachedTokens,
      cache_creation: {
        ephemeral_5m_input_tokens: cacheWrite5mTokens,
        ephemeral_1h_input_tokens: cacheWrite1hTokens,
      },
      output_tokens: usage.outputTokens,
      service_tier: answer.isBatch ? 'batch' : 'standard',
    },
  };
}

function renderContent({ id, text, finish }: Answer, format: AnswerFormat): object[] {
  if (text === null) return [];
  if (format.kind !== 'tool') return [{ type: 'text', text }];
  // A tool call cut by max_tokens has no whole input to show.
  const input: unknown = finish === 'length' ? {} : JSON.parse(text);
  return [{ type: 'tool_use', id: `toolu_${id.slice(-24)}`, name: format.name, input }];
}
