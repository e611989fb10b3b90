/**
 * The blocks that requests of Anthropic's shape have in common, and the mark that has the provider
 * keep them. A mark stands at the end of a whole block: texts are never cut, and a request that has
 * marks of its caller's is left as it is. Pure.
 */

import { hash } from 'node:crypto';

type Fields = Readonly<Record<string, unknown>>;

/** An opening that requests share. */
export interface SharedOpening {
  /** Blocks of it: tools, then those of the system prompt, then those of messages. */
  readonly blocks: number;
  readonly digest: string;
}

/** Further in, no opening ends. */
const MOST_BLOCKS = 64;

/** Whoever sets marks himself knows what he wants kept. */
const OWN_MARK = '"cache_control"';
const MARK = { type: 'ephemeral', ttl: '1h' } as const;

interface Block {
  /** What is compared: the provider caches only what is the same up to here. */
  readonly text: string;
  /** Whether a mark may stand at its end. */
  readonly isMarkable: boolean;
  /** The body with a mark there. */
  readonly marked: () => Fields;
}

/**
 * The longest opening that all of these share, with its length as a share of the first one's body;
 * `null` when they share none, or one of them has marks of its own.
 */
export function openingOf(
  bodies: readonly Fields[],
): (SharedOpening & { readonly share: number }) | null {
  const [first, ...others] = bodies;
  if (first === undefined || others.length === 0) return null;
  if (bodies.some(hasOwnMark)) return null;
  const blocks = blocksOf(first);
  const rest = others.map(blocksOf);
  let count = 0;
  while (
    count < blocks.length &&
    rest.every((other) => other[count]?.text === blocks[count]?.text)
  ) {
    count += 1;
  }
  while (count > 0 && blocks[count - 1]?.isMarkable !== true) count -= 1;
  if (count === 0) return null;
  const length = blocks.slice(0, count).reduce((sum, { text }) => sum + text.length, 0);
  const share = Math.min(1, length / Math.max(1, JSON.stringify(first).length));
  return { blocks: count, digest: digestOf(first, blocks, count), share };
}

/** The body with a mark at the end of the longest of these that it begins with; else the body itself. */
export function markOpening(body: Fields, openings: readonly SharedOpening[]): Fields {
  if (openings.length === 0 || hasOwnMark(body)) return body;
  const blocks = blocksOf(body);
  const digests = new Map<number, string>();
  let longest: SharedOpening | null = null;
  for (const opening of openings) {
    const { blocks: count } = opening;
    if (count > blocks.length || count <= (longest?.blocks ?? 0)) continue;
    const digest = digests.get(count) ?? digestOf(body, blocks, count);
    digests.set(count, digest);
    if (digest === opening.digest) longest = opening;
  }
  const last = longest === null ? undefined : blocks[longest.blocks - 1];
  return last?.isMarkable === true ? last.marked() : body;
}

function hasOwnMark(body: Fields): boolean {
  const { tools, system, messages, cache_control } = body;
  if (cache_control !== undefined) return true;
  return JSON.stringify([tools, system, messages]).includes(OWN_MARK);
}

/** What besides the blocks decides whether the provider finds them in its cache. */
function digestOf(body: Fields, blocks: readonly Block[], count: number): string {
  const head = JSON.stringify([body['model'], body['tool_choice'], body['thinking']]);
  const texts = blocks.slice(0, count).map(({ text }) => text);
  return hash('sha256', [head, ...texts].join('\0'), 'base64url');
}

function blocksOf(body: Fields): Block[] {
  const found: Block[] = [];
  const { tools, system, messages } = body;
  if (Array.isArray(tools)) addList(found, 'tools', tools, (list) => ({ ...body, tools: list }));
  addContent(found, 'system', system, (content) => ({ ...body, system: content }));
  if (!Array.isArray(messages)) return found;
  for (const [index, message] of messages.entries()) {
    if (found.length >= MOST_BLOCKS || !isFields(message)) break;
    const { role, content } = message;
    const marked = (changed: unknown): Fields => ({
      ...body,
      messages: messages.with(index, { ...message, content: changed }),
    });
    addContent(found, String(role), content, marked);
  }
  return found;
}

function addContent(
  found: Block[],
  role: string,
  content: unknown,
  change: (content: unknown) => Fields,
): void {
  if (typeof content === 'string') {
    addList(found, role, [{ type: 'text', text: content }], change);
  } else if (Array.isArray(content)) {
    addList(found, role, content, change);
  }
}

function addList(
  found: Block[],
  role: string,
  list: readonly unknown[],
  change: (list: unknown) => Fields,
): void {
  for (const [at, entry] of list.entries()) {
    if (found.length >= MOST_BLOCKS) return;
    found.push({
      text: `${role}\0${JSON.stringify(entry)}`,
      isMarkable: isFields(entry) && (role === 'tools' || hasText(entry)),
      marked: () => change(list.with(at, { ...Object(entry), cache_control: MARK })),
    });
  }
}

function hasText({ type, text }: Fields): boolean {
  return type === 'text' && typeof text === 'string' && text !== '';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
