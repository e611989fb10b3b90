import type { Problem, Segment } from '../call.ts';
import { asArray, asString, isObject, type JsonObject } from '../json.ts';
import { invalidMessage } from './errors.ts';

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;

/** A prompt in the order a cache sees it: tools, system, messages; one segment per block. */
export interface PromptBlocks {
  readonly segments: readonly Segment[];
  readonly images: number;
}

/** Reads tools, system and messages, or says which field is wrong. */
export function readPrompt(body: JsonObject): PromptBlocks | Problem {
  const messages = asArray(body['messages']);
  if (body['messages'] === undefined) return invalidMessage('messages: Field required');
  if (!messages) return invalidMessage('messages: Input should be a valid list');
  if (messages.length === 0) return invalidMessage('messages: at least one message is required');
  const segments: Segment[] = [];
  let images = 0;
  const add = (role: string, block: JsonObject): void => {
    if (block['type'] === 'image') images += 1;
    segments.push({ role, text: textOf(block), cacheTtlMs: readTtl(block['cache_control']) });
  };
  for (const tool of asArray(body['tools']) ?? []) if (isObject(tool)) add('tools', tool);
  const system = body['system'] === undefined ? [] : readBlocks(body['system']);
  if (system === undefined) return invalidMessage('system: Input should be a valid string or list');
  for (const block of system) add('system', block);
  for (const [index, message] of messages.entries()) {
    const role = isObject(message) ? asString(message['role']) : undefined;
    if (!isObject(message) || (role !== 'user' && role !== 'assistant')) {
      return invalidMessage(`messages.${index}.role: Input should be 'user' or 'assistant'`);
    }
    const blocks = readBlocks(message['content']);
    if (blocks === undefined) {
      return invalidMessage(`messages.${index}.content: Input should be a valid string or list`);
    }
    for (const block of blocks) add(role, block);
  }
  return { segments, images };
}

function readBlocks(content: unknown): JsonObject[] | undefined {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const blocks = asArray(content);
  return blocks?.every((block) => isObject(block) && typeof block['type'] === 'string')
    ? blocks.filter(isObject)
    : undefined;
}

function textOf(block: JsonObject): string {
  if (block['type'] === 'image') return '';
  const text = asString(block['text']);
  if (text !== undefined) return text;
  const { cache_control: _, ...rest } = block;
  return JSON.stringify(rest);
}

function readTtl(control: unknown): number | undefined {
  if (!isObject(control)) return undefined;
  return control['ttl'] === '1h' ? HOUR_MS : FIVE_MINUTES_MS;
}
