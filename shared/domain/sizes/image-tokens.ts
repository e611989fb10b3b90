/** What an image adds to a prompt: by the provider's published rule, from its size if it shows. */

/** Width and height as sent. Unit: pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Assumed of an image behind a link: nothing is fetched to measure it. */
export const ASSUMED_IMAGE_SIZE: ImageSize = { width: 1024, height: 1024 };

interface TileRule {
  readonly base: number;
  readonly perTile: number;
}

/** Source: OpenAI, "Images and vision", cost by tiles of 512 pixels; from memory, so estimates. */
const TILE_RULES: readonly (readonly [model: RegExp, rule: TileRule])[] = [
  [/^gpt-4o-mini/, { base: 2833, perTile: 5667 }],
  [/^(o1|o3)/, { base: 75, perTile: 150 }],
  [/^computer-use/, { base: 65, perTile: 129 }],
  [/^gpt-5/, { base: 70, perTile: 140 }],
];
const USUAL_TILE_RULE: TileRule = { base: 85, perTile: 170 };

/** Source: as above, models billed by patches of 32 pixels, at most 1536 of them. */
const PATCH_FACTORS: readonly (readonly [model: RegExp, factor: number])[] = [
  [/^(gpt-5|gpt-4\.1)[.\d]*-mini/, 1.62],
  [/^(gpt-5|gpt-4\.1)[.\d]*-nano/, 2.46],
  [/^o4-mini/, 1.72],
];
const MAX_PATCHES = 1536;

/** Source: Anthropic, "Vision": width x height / 750, after scaling to 1568 pixels a side. */
const CLAUDE_PIXELS_PER_TOKEN = 750;
const CLAUDE_LONGEST_SIDE = 1568;
const CLAUDE_MOST = 1600;

/** Estimates the prompt tokens of one image for a model. `detail` is OpenAI's setting. */
export function imageTokens(model: string, size: ImageSize, detail: string): number {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase();
  if (name.includes('claude')) return claudeTokens(size);
  const patchFactor = PATCH_FACTORS.find(([pattern]) => pattern.test(name))?.[1];
  if (patchFactor !== undefined) {
    const patches = Math.ceil(size.width / 32) * Math.ceil(size.height / 32);
    return Math.ceil(Math.min(MAX_PATCHES, patches) * patchFactor);
  }
  const rule = TILE_RULES.find(([pattern]) => pattern.test(name))?.[1] ?? USUAL_TILE_RULE;
  return detail === 'low' ? rule.base : rule.base + rule.perTile * tiles(size);
}

/** Tiles of 512 pixels once the image fits 2048 and its short side 768. */
function tiles(size: ImageSize): number {
  const longest = Math.max(size.width, size.height);
  const shortest = Math.min(size.width, size.height);
  const toSquare = Math.min(1, 2048 / longest);
  const scale = Math.min(toSquare, 768 / shortest);
  return Math.ceil((size.width * scale) / 512) * Math.ceil((size.height * scale) / 512);
}

function claudeTokens({ width, height }: ImageSize): number {
  const scale = Math.min(1, CLAUDE_LONGEST_SIDE / Math.max(width, height));
  const pixels = width * scale * height * scale;
  return Math.min(CLAUDE_MOST, Math.ceil(pixels / CLAUDE_PIXELS_PER_TOKEN));
}

/** Enough of a file to hold the size of nearly any PNG or JPEG. Unit: base64 characters. */
const HEADER_LENGTH = 65_536;

/** The size a PNG or JPEG states in its first bytes; `null` when it is neither, or is broken. */
export function readImageSize(base64: string): ImageSize | null {
  const bytes = Buffer.from(base64.slice(0, HEADER_LENGTH), 'base64');
  const size = bytes.length < 24 ? null : (readPngSize(bytes) ?? readJpegSize(bytes));
  return size !== null && size.width > 0 && size.height > 0 ? size : null;
}

function readPngSize(bytes: Buffer): ImageSize | null {
  if (bytes.readUInt32BE(0) !== 0x89504e47) return null;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** Walks the marker segments to the start of frame, which holds height and width. */
function readJpegSize(bytes: Buffer): ImageSize | null {
  if (bytes.readUInt16BE(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return null;
}
