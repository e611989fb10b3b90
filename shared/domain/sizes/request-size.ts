/** How large a request is: what of a body is counted, and what has to be estimated. */

import {
  addContent,
  addJson,
  isObject,
  type JsonObject,
  type Sizing,
  startSizing,
  textOf,
} from './content-parts.ts';

/** Size of one request before it runs. */
export interface RequestEstimate {
  /** The whole prompt. Unit: tokens. */
  readonly inputTokens: number;
  /** What must fit the context window: the prompt, or the longest text to embed. Unit: tokens. */
  readonly windowTokens: number;
  /** Most the answer may hold, all choices together; `null` where the body sets no bound. Unit: tokens. */
  readonly maxOutputTokens: number | null;
  /** What to reserve for the answer: the bound, or the assumption said in `notes`. Unit: tokens. */
  readonly assumedOutputTokens: number;
  /** Answers asked for (`n`). */
  readonly choices: number;
  /** Whether `inputTokens` was counted with the model's own vocabulary and nothing was guessed. */
  readonly exact: boolean;
  /** What was estimated or assumed, one sentence each. */
  readonly notes: readonly string[];
}

/** What of a body takes up tokens, before anything is counted. */
export interface RequestContent {
  readonly model: string;
  /** Texts that become prompt tokens. */
  readonly texts: readonly string[];
  /** Prompt tokens known without counting. Unit: tokens. */
  readonly otherTokens: number;
  /** The longest input given as token numbers instead of text. Unit: tokens. */
  readonly longestNumbered: number;
  /** Whether each text must fit the window by itself, as with embeddings. */
  readonly isWindowPerText: boolean;
  /** `null` where the body sets none. Unit: tokens. */
  readonly maxOutputTokens: number | null;
  readonly choices: number;
  readonly notes: readonly string[];
}

/** Source: OpenAI cookbook, "How to count tokens with tiktoken": 3 a message, and the role. */
const MESSAGE_TOKENS = 3;
const ROLE_TOKENS = 1;
const NAME_TOKENS = 1;
/** Every answer is primed with `<|start|>assistant<|message|>`. Source: as above. */
const PRIMING_TOKENS = 3;
/** Wrapping of one tool call and of the list of tools; measured by others, so estimates. */
const TOOL_CALL_TOKENS = 4;
const TOOL_LIST_TOKENS = 12;
/** The instructions Anthropic adds when tools are given. Source: its tool-use page, from memory. */
const CLAUDE_TOOL_TOKENS = 346;

const KEPT_CONTEXT_NOTE =
  'Context kept by the provider (earlier responses, stored prompts) was not counted.';

/** OpenAI's bound on `n`. */
const MAX_CHOICES = 128;

/**
 * Reads a body of any supported route. Total: whatever the body is, what can be read is, and the
 * notes say what could not.
 */
export function readRequest(url: string, body: unknown): RequestContent {
  const request = isObject(body) ? body : {};
  const sizing = startSizing(textOf(request['model']));
  if (!isObject(body)) sizing.notes.add('The body is not a JSON object, so nothing was counted.');
  const route = url.split('?', 1)[0] ?? '';
  if (route.endsWith('/embeddings')) return readEmbeddings(sizing, request);
  if (route.endsWith('/responses')) {
    readResponses(sizing, request);
    return finish(sizing, [request['max_output_tokens']], 1);
  }
  if (route.endsWith('/messages')) {
    readMessages(sizing, request);
    return finish(sizing, [request['max_tokens']], 1);
  }
  if (!route.endsWith('/chat/completions')) {
    sizing.notes.add('The route is not known; it was read as /v1/chat/completions.');
  }
  readChat(sizing, request);
  const limits = [request['max_completion_tokens'], request['max_tokens']];
  return finish(sizing, limits, wholeNumber(request['n'], MAX_CHOICES) || 1);
}

function readChat(sizing: Sizing, request: JsonObject): void {
  for (const message of listOf(request['messages'])) addMessage(sizing, message);
  sizing.otherTokens += PRIMING_TOKENS;
  addTools(sizing, request['tools'] ?? request['functions'], TOOL_LIST_TOKENS);
  addSchema(sizing, request['response_format']);
}

function readResponses(sizing: Sizing, request: JsonObject): void {
  const { instructions, input, text } = request;
  if (typeof instructions === 'string') addMessage(sizing, { content: instructions });
  if (typeof input === 'string') addMessage(sizing, { content: input });
  for (const item of listOf(input)) addResponseItem(sizing, item);
  sizing.otherTokens += PRIMING_TOKENS;
  addTools(sizing, request['tools'], TOOL_LIST_TOKENS);
  if (isObject(text)) addSchema(sizing, text['format']);
  const isContinued = ['previous_response_id', 'conversation', 'prompt'].some(
    (key) => request[key] !== undefined && request[key] !== null,
  );
  if (isContinued) sizing.notes.add(KEPT_CONTEXT_NOTE);
}

function addResponseItem(sizing: Sizing, item: unknown): void {
  if (!isObject(item)) return;
  switch (item['type']) {
    case undefined:
    case 'message':
      addMessage(sizing, item);
      break;
    case 'function_call':
      addToolCall(sizing, item);
      break;
    case 'function_call_output':
      addMessage(sizing, { content: item['output'] });
      break;
    case 'reasoning':
      addContent(sizing, item['summary']);
      break;
    case 'item_reference':
      sizing.notes.add(KEPT_CONTEXT_NOTE);
      break;
    default:
      addJson(sizing, item, 'Content of other kinds');
  }
}

function readMessages(sizing: Sizing, request: JsonObject): void {
  if (request['system'] !== undefined) addMessage(sizing, { content: request['system'] });
  for (const message of listOf(request['messages'])) addMessage(sizing, message);
  sizing.otherTokens += PRIMING_TOKENS;
  addTools(sizing, request['tools'], CLAUDE_TOOL_TOKENS);
}

function readEmbeddings(sizing: Sizing, request: JsonObject): RequestContent {
  const input = request['input'];
  const items: readonly unknown[] = Array.isArray(input) && !isNumbered(input) ? input : [input];
  let longestNumbered = 0;
  for (const item of items) {
    if (!isNumbered(item)) {
      addContent(sizing, item);
      continue;
    }
    sizing.otherTokens += item.length;
    longestNumbered = Math.max(longestNumbered, item.length);
  }
  return { ...finish(sizing, [0], 1), longestNumbered, isWindowPerText: true };
}

function isNumbered(input: unknown): input is readonly number[] {
  return Array.isArray(input) && typeof input[0] === 'number';
}

function addMessage(sizing: Sizing, message: unknown): void {
  if (!isObject(message)) return;
  sizing.otherTokens += MESSAGE_TOKENS + ROLE_TOKENS;
  addContent(sizing, message['content']);
  addContent(sizing, message['refusal']);
  if (typeof message['name'] === 'string') {
    sizing.otherTokens += NAME_TOKENS;
    sizing.texts.push(message['name']);
  }
  for (const call of listOf(message['tool_calls'])) addToolCall(sizing, call);
  if (message['function_call']) addToolCall(sizing, { function: message['function_call'] });
}

function addToolCall(sizing: Sizing, call: unknown): void {
  if (!isObject(call)) return;
  const called = isObject(call['function']) ? call['function'] : call;
  sizing.otherTokens += TOOL_CALL_TOKENS;
  addContent(sizing, called['name']);
  addContent(sizing, called['arguments']);
  sizing.notes.add('Tool calls were estimated: providers do not publish how they are written.');
}

function addTools(sizing: Sizing, tools: unknown, overheadTokens: number): void {
  if (!Array.isArray(tools) || tools.length === 0) return;
  sizing.otherTokens += overheadTokens;
  addJson(sizing, tools, 'Tools');
}

function addSchema(sizing: Sizing, format: unknown): void {
  if (isObject(format) && format['type'] === 'json_schema') {
    addJson(sizing, format['json_schema'] ?? format['schema'], 'Response schemas');
  }
}

function finish(sizing: Sizing, limits: readonly unknown[], choices: number): RequestContent {
  const limit = limits.find((value) => wholeNumber(value) !== null);
  const maxEach = wholeNumber(limit);
  return {
    model: sizing.model,
    texts: sizing.texts,
    otherTokens: sizing.otherTokens,
    longestNumbered: 0,
    isWindowPerText: false,
    maxOutputTokens: maxEach === null ? null : maxEach * choices,
    choices,
    notes: sizing.notes.size === 0 ? NO_NOTES : [...sizing.notes],
  };
}

const NO_NOTES: readonly string[] = [];

/** The value where it is a count a provider would take; larger ones are cut to `most`. */
function wholeNumber(value: unknown, most = Number.MAX_SAFE_INTEGER / MAX_CHOICES): number | null {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return null;
  return Math.min(value, Math.floor(most));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
