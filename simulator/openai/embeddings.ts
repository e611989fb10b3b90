import type { Answer, Call, Endpoint, Problem } from '../call.ts';
import { asArray, asInteger, isObject } from '../json.ts';
import { drawBase, uniform } from '../random.ts';
import { readKeys } from './chat-completions.ts';
import { invalidRequest } from './errors.ts';
import { readModel } from './prompt.ts';

const DEFAULT_DIMENSIONS = 1_536;
const MAX_INPUTS = 2_048;
const MAX_INPUT_TOKENS = 8_192;

/** POST /v1/embeddings. The same text gets the same vector, whatever the request. */
export const embeddings: Endpoint = {
  read(body, context): Call | Problem {
    if (!isObject(body)) return invalidRequest('The body must be a JSON object.', null, null);
    const named = readModel(body, context);
    if ('status' in named) return named;
    const inputs = readInputs(body['input']);
    if (inputs === undefined || inputs.length > MAX_INPUTS) {
      const text = `'$.input' is invalid. Give a non-empty string, an array of tokens, or an array of up to ${MAX_INPUTS} of either.`;
      return invalidRequest(text, 'input', null, named.model);
    }
    const counts = inputs.map((input) =>
      typeof input === 'string'
        ? Math.ceil(input.length / context.settings.charsPerToken)
        : input.length,
    );
    const longest = Math.max(...counts);
    if (longest > MAX_INPUT_TOKENS) {
      const text = `This model's maximum context length is ${MAX_INPUT_TOKENS} tokens, however you requested ${longest} tokens. Please reduce your prompt.`;
      return invalidRequest(text, 'input', 'context_length_exceeded', named.model);
    }
    const dimensions = asInteger(body['dimensions'] ?? DEFAULT_DIMENSIONS, 1);
    if (dimensions === undefined) {
      const text = "Invalid 'dimensions': expected an integer of at least 1.";
      return invalidRequest(text, 'dimensions', 'invalid_value', named.model);
    }
    const tokens = counts.reduce((sum, count) => sum + count, 0);
    const texts = inputs.map(String);
    const isBase64 = body['encoding_format'] === 'base64';
    return {
      model: named.model,
      segments: texts.map((text) => ({ role: 'input', text })),
      promptTokens: tokens,
      estimateTokens: tokens,
      maxOutputTokens: undefined,
      choices: 1,
      tier: 'default',
      format: { kind: 'none' },
      ...readKeys(body),
      caching: 'none',
      contentType: 'application/json',
      render: (answer) => JSON.stringify(renderList(answer, texts, dimensions, isBase64)),
    };
  },
};

function readInputs(input: unknown): (string | readonly number[])[] | undefined {
  if (isInput(input)) return [input];
  const list = asArray(input);
  return list && list.length > 0 && list.every(isInput) ? [...list] : undefined;
}

function isInput(value: unknown): value is string | number[] {
  return typeof value === 'string' ? value !== '' : isTokens(value);
}

function isTokens(value: unknown): value is number[] {
  const list = asArray(value);
  return list !== undefined && list.length > 0 && list.every((one) => typeof one === 'number');
}

function renderList(
  { snapshot, usage, text }: Answer,
  texts: readonly string[],
  dimensions: number,
  isBase64: boolean,
): object {
  const data = texts.map((input, index) => {
    const vector = unitVector(input, dimensions);
    const embedding = isBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  return {
    object: 'list',
    data: text === null ? [] : data,
    model: snapshot,
    usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
  };
}

/** Little-endian floats of Euclidean length 1. */
function unitVector(text: string, dimensions: number): Float32Array {
  const base = drawBase(0, text, 0);
  const vector = Float32Array.from({ length: dimensions }, (_, at) => uniform(base, at) - 0.5);
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
}
