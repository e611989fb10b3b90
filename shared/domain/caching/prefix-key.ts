import { hash } from 'node:crypto';

/** Opening that must be shared, about the least a provider caches. Unit: UTF-16 units. */
const OPENING_LENGTH = 4_096;

/** Fields in the order in which providers put them before the model. */
const OPENING_FIELDS = ['tools', 'instructions', 'system', 'messages', 'input'] as const;

/**
 * Digest of the long opening that a request may share with others: model, and the first 4,096
 * characters of tools, instructions and messages. `null` when the text is shorter, or when
 * something other than text comes first.
 */
export function prefixKey(model: string, body: Readonly<Record<string, unknown>>): string | null {
  const opening = new Opening();
  for (const field of OPENING_FIELDS) {
    if (field === 'tools') opening.addSchema(body[field]);
    else opening.addContent(body[field]);
    if (opening.isOver) break;
  }
  return opening.text.length < OPENING_LENGTH
    ? null
    : hash('sha256', `${model}\0${opening.text.slice(0, OPENING_LENGTH)}`, 'base64url');
}

class Opening {
  text = '';
  /** Long enough, or cut off by what is not text. */
  isOver = false;

  addSchema(tools: unknown): void {
    if (Array.isArray(tools) && tools.length > 0) this.#append(JSON.stringify(tools));
  }

  /** A text, or a list of messages or parts of any nesting the providers use. */
  addContent(content: unknown): void {
    if (this.isOver || content === undefined || content === null) return;
    if (typeof content === 'string') {
      this.#append(content);
    } else if (Array.isArray(content)) {
      for (const part of content) {
        if (this.isOver) return;
        this.addContent(part);
      }
    } else if (typeof content === 'object' && 'role' in content && 'content' in content) {
      this.#append(`\0${String(content.role)}\0`);
      this.addContent(content.content);
    } else if (
      typeof content === 'object' &&
      'text' in content &&
      typeof content.text === 'string'
    ) {
      this.#append(content.text);
    } else {
      this.isOver = true;
    }
  }

  #append(text: string): void {
    this.text += text.length > OPENING_LENGTH ? text.slice(0, OPENING_LENGTH) : text;
    if (this.text.length >= OPENING_LENGTH) this.isOver = true;
  }
}
