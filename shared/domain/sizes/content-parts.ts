/** Reads message content of any dialect into texts to count and tokens already known. */

import { ASSUMED_IMAGE_SIZE, imageTokens, readImageSize } from './image-tokens.ts';

/** What a body was read into. Filled while reading, then only read. */
export interface Sizing {
  /** Name of the model in the body; decides what an image costs. */
  readonly model: string;
  /** Texts that become prompt tokens. */
  readonly texts: string[];
  /** Prompt tokens known without counting: overhead, estimates of images and files. */
  otherTokens: number;
  /** What was guessed, one sentence each. */
  readonly notes: Set<string>;
}

/** An empty reading for a model. */
export function startSizing(model: string): Sizing {
  return { model, texts: [], otherTokens: 0, notes: new Set() };
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object; arrays are not. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as text, or empty. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Tool results may hold content that holds tool results; nobody nests deeper. Unit: levels. */
const MAX_DEPTH = 16;

/** Assumed of a file that is only named, such as an uploaded one. Unit: tokens. */
const UNSEEN_FILE_TOKENS = 2_000;

/** A page of a PDF holds some 50 kB and costs some 2 000 tokens, as text and as image. */
const FILE_BYTES_PER_TOKEN = 25;

/** Speech costs some 10 tokens a second; compressed it takes some 16 kB a second, raw 48 kB. */
const AUDIO_BYTES_PER_TOKEN = { compressed: 1_600, wav: 4_800 };

/** Adds what a message says: text, a list of parts, or one part. */
export function addContent(sizing: Sizing, content: unknown, depth = 0): void {
  if (typeof content === 'string') {
    if (content.length > 0) sizing.texts.push(content);
  } else if (depth > MAX_DEPTH) {
    sizing.notes.add(`Content nested deeper than ${MAX_DEPTH} levels was not counted.`);
  } else if (Array.isArray(content)) {
    for (const part of content) addContent(sizing, part, depth + 1);
  } else if (isObject(content)) {
    addPart(sizing, content, depth + 1);
  }
}

function addPart(sizing: Sizing, part: JsonObject, depth: number): void {
  switch (part['type']) {
    case 'text':
    case 'input_text':
    case 'output_text':
    case 'summary_text':
      addContent(sizing, part['text'], depth);
      break;
    case 'refusal':
      addContent(sizing, part['refusal'], depth);
      break;
    case 'thinking':
      addContent(sizing, part['thinking'], depth);
      break;
    case 'image_url':
    case 'input_image':
    case 'image':
      addImage(sizing, part);
      break;
    case 'input_audio':
      addAudio(sizing, part['input_audio']);
      break;
    case 'file':
    case 'input_file':
    case 'document':
      addFile(sizing, part, depth);
      break;
    case 'tool_use':
    case 'tool_result':
      addContent(sizing, part['name'], depth);
      if (part['input'] !== undefined) addJson(sizing, part['input'], 'Tool calls');
      addContent(sizing, part['content'], depth);
      break;
    default:
      addJson(sizing, part, 'Content of other kinds');
  }
}

/** Adds a value the provider turns into text its own way; its JSON comes near. */
export function addJson(sizing: Sizing, value: unknown, what: string): void {
  sizing.notes.add(`${what} were counted as the JSON they are sent as, an estimate.`);
  const json = stringify(value);
  if (json === null) sizing.notes.add(`${what} could not be measured: nested too deep.`);
  else sizing.texts.push(json);
}

/** JSON without embedded files, whose bytes are not what a model reads. */
function stringify(value: unknown): string | null {
  try {
    return JSON.stringify(value, (_, item: unknown) => (isEmbedded(item) ? '' : item)) ?? '';
  } catch {
    // RangeError when nested deeper than the stack, TypeError on a cycle or a BigInt: all that
    // JSON.stringify can throw, and none of it can be measured.
    return null;
  }
}

function isEmbedded(item: unknown): boolean {
  if (typeof item !== 'string' || item.length < 1024) return false;
  return item.startsWith('data:') || /^[A-Za-z0-9+/_=-]{512}/.test(item);
}

function addImage(sizing: Sizing, part: JsonObject): void {
  const image = isObject(part['image_url']) ? part['image_url'] : part;
  const detail = textOf(image['detail']);
  const data = base64Of(part);
  const size = data === null ? null : readImageSize(data);
  sizing.otherTokens += imageTokens(sizing.model, size ?? ASSUMED_IMAGE_SIZE, detail);
  sizing.notes.add(
    size === null
      ? 'Images were estimated by the published rule, taking 1024 x 1024 pixels where the size does not show.'
      : 'Images were estimated by the published rule from their size.',
  );
}

/** The embedded bytes of an image or file, wherever the dialect puts them; `null` for a link. */
function base64Of(part: JsonObject): string | null {
  const source = part['source'];
  if (isObject(source)) return source['type'] === 'base64' ? textOf(source['data']) : null;
  const image = part['image_url'];
  const file = isObject(part['file']) ? part['file'] : part;
  const url = textOf(file['file_data']) || textOf(isObject(image) ? image['url'] : image);
  if (!url.startsWith('data:')) return file['file_data'] === undefined ? null : url;
  return url.slice(url.indexOf(',') + 1);
}

function addFile(sizing: Sizing, part: JsonObject, depth: number): void {
  const source = part['source'];
  if (isObject(source) && (source['type'] === 'text' || source['type'] === 'content')) {
    addContent(sizing, source['data'] ?? source['content'], depth);
    return;
  }
  const data = base64Of(part);
  if (data === null) {
    sizing.otherTokens += UNSEEN_FILE_TOKENS;
    sizing.notes.add(`A file that is only referred to was taken as ${UNSEEN_FILE_TOKENS} tokens.`);
    return;
  }
  sizing.otherTokens += Math.ceil((data.length * 0.75) / FILE_BYTES_PER_TOKEN);
  sizing.notes.add(`Files were estimated at a token for ${FILE_BYTES_PER_TOKEN} bytes.`);
}

function addAudio(sizing: Sizing, audio: unknown): void {
  const data = isObject(audio) ? textOf(audio['data']) : '';
  const isRaw = isObject(audio) && audio['format'] === 'wav';
  const bytesPerToken = isRaw ? AUDIO_BYTES_PER_TOKEN.wav : AUDIO_BYTES_PER_TOKEN.compressed;
  sizing.otherTokens += Math.ceil((data.length * 0.75) / bytesPerToken);
  sizing.notes.add('Audio was estimated from its bytes at 10 tokens a second.');
}
