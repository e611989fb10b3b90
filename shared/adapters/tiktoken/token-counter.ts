import type { Tiktoken, TiktokenBPE } from 'js-tiktoken/lite';
import type { TokenEncoding } from '../../domain/sizes/model-spec.ts';
import type { CountText, TokenCounter } from '../../ports/token-counter.ts';
import { createCountCache } from './count-cache.ts';

/**
 * Longest run of letters, signs or spaces handed to the merge loop, which takes quadratic time:
 * 20 000 times "a" would block for half a minute. Cutting longer runs errs by below one per
 * cent, and only in such runs. Unit: UTF-8 bytes.
 */
const MAX_RUN_BYTES = 128;

/** The pattern backtracks over a run, so its input is bounded too. Unit: UTF-16 units. */
const SLICE_LENGTH = 65_536;

/** Words recur: most of a text is found here and never merged. Unit: distinct pieces. */
const MAX_KNOWN_PIECES = 60_000;

/** Whole texts remembered, such as a system prompt many requests share. Unit: UTF-16 units. */
const MAX_REMEMBERED_LENGTH = 8 * 1024 * 1024;

/** Below this a text is counted about as fast as it is looked up. Unit: UTF-16 units. */
const SHORTEST_REMEMBERED = 64;

/** Exact counts by js-tiktoken; ranks are imported when an encoding is first loaded. */
export function createTiktokenCounter(): TokenCounter {
  const loading = new Map<TokenEncoding, Promise<CountText>>();

  function load(encoding: TokenEncoding): Promise<CountText> {
    let ready = loading.get(encoding);
    if (ready === undefined) {
      ready = build(encoding);
      loading.set(encoding, ready);
      ready.catch(() => loading.delete(encoding));
    }
    return ready;
  }

  return { load };
}

async function build(encoding: TokenEncoding): Promise<CountText> {
  const [{ Tiktoken: Encoder }, ranks] = await Promise.all([
    import('js-tiktoken/lite'),
    loadRanks(encoding),
  ]);
  const countSlice = createSliceCounter(new Encoder(ranks), ranks.pat_str);
  const remembered = createCountCache(MAX_REMEMBERED_LENGTH);
  return (text) => {
    if (text.length < SHORTEST_REMEMBERED) return countSlice(text);
    const known = remembered.get(text);
    if (known !== undefined) return known;
    let tokens = 0;
    for (const slice of slices(text)) tokens += countSlice(slice);
    remembered.set(text, tokens);
    return tokens;
  };
}

async function loadRanks(encoding: TokenEncoding): Promise<TiktokenBPE> {
  switch (encoding) {
    case 'o200k_base':
      return (await import('js-tiktoken/ranks/o200k_base')).default;
    case 'cl100k_base':
      return (await import('js-tiktoken/ranks/cl100k_base')).default;
  }
}

/**
 * Merges never cross the pieces that the encoding's own pattern cuts, so the pieces can be
 * counted one by one, and a piece counted once need not be merged again.
 */
function createSliceCounter(encoder: Tiktoken, pattern: string): CountText {
  const piecePattern = new RegExp(pattern, 'gu');
  const known = new Map<string, number>();

  function countPiece(piece: string): number {
    const remembered = known.get(piece);
    if (remembered !== undefined) return remembered;
    const tokens = encoder.encode(piece, [], []).length;
    if (known.size >= MAX_KNOWN_PIECES) known.clear();
    // A copy: a slice of more than 12 characters would keep the whole text it came from alive.
    known.set(
      piece.length > 12 ? Buffer.from(piece, 'utf16le').toString('utf16le') : piece,
      tokens,
    );
    return tokens;
  }

  function countRuns(piece: string): number {
    let tokens = 0;
    let start = 0;
    let bytes = 0;
    let end = 0;
    for (const character of piece) {
      const width = utf8Width(character);
      if (bytes + width > MAX_RUN_BYTES) {
        tokens += countPiece(piece.slice(start, end));
        start = end;
        bytes = 0;
      }
      bytes += width;
      end += character.length;
    }
    return tokens + countPiece(piece.slice(start));
  }

  return (slice) => {
    let tokens = 0;
    for (const piece of slice.match(piecePattern) ?? []) {
      tokens += piece.length * 3 > MAX_RUN_BYTES ? countRuns(piece) : countPiece(piece);
    }
    return tokens;
  };
}

/** Cuts a long text, where it can before a space after a letter: no piece ever spans that. */
function* slices(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > SLICE_LENGTH) {
    let end = start + SLICE_LENGTH;
    const boundary = lastWordEnd(text, end);
    if (boundary > start) end = boundary;
    else if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
  yield text.slice(start);
}

/** How far back a word end is looked for. Unit: UTF-16 units. */
const BOUNDARY_SEARCH = 1024;

function lastWordEnd(text: string, from: number): number {
  for (let at = from; at > from - BOUNDARY_SEARCH; at -= 1) {
    if (text.charCodeAt(at) === 0x20 && isAsciiLetter(text.charCodeAt(at - 1))) return at;
  }
  return -1;
}

function isAsciiLetter(unit: number): boolean {
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function utf8Width(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
