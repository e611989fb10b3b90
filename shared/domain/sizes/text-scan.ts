/**
 * What a text is made of, as far as it predicts its tokens: one pass through a table of states,
 * no vocabulary. Two or three nanoseconds a character, which is why it is a table.
 */

/** What is told apart, in the order of a list of weights. */
export const FEATURES = [
  'words',
  'lettersPastSixth',
  'capitalsInRuns',
  'digitGroups',
  'signRuns',
  'signsPastFirst',
  'spaceRuns',
  'latinLetters',
  'greekCyrillic',
  'cjk',
  'otherScripts',
  'symbols',
  'pictographs',
] as const;
type Feature = (typeof FEATURES)[number];

/** What a UTF-16 unit is. The second half of a pair belongs to the first and changes nothing. */
const KIND = {
  continuation: 0,
  lower: 1,
  upper: 2,
  digit: 3,
  sign: 4,
  space: 5,
  lineBreak: 6,
  latin: 7,
  greek: 8,
  cjk: 9,
  other: 10,
  symbol: 11,
  pictograph: 12,
} as const;
const FIRST_NON_ASCII_KIND = KIND.latin;

const KINDS = new Uint8Array(0x10000).fill(KIND.sign, 0, 0x80);
KINDS.fill(KIND.space, 0, 0x21);
KINDS.fill(KIND.digit, 0x30, 0x3a);
KINDS.fill(KIND.upper, 0x41, 0x5b);
KINDS.fill(KIND.lower, 0x61, 0x7b);
KINDS[0x0a] = KIND.lineBreak;
KINDS[0x0d] = KIND.lineBreak;
KINDS.fill(KIND.latin, 0x80, 0x250);
KINDS.fill(KIND.greek, 0x250, 0x530);
KINDS.fill(KIND.other, 0x530, 0x2000);
KINDS.fill(KIND.symbol, 0x2000, 0x3000);
KINDS.fill(KIND.cjk, 0x3000, 0xd800);
KINDS.fill(KIND.pictograph, 0xd800, 0xdc00);
KINDS.fill(KIND.continuation, 0xdc00, 0xe000);
KINDS.fill(KIND.symbol, 0xe000);

/** What came before: the run a unit may continue, and how long that already is. */
const STATE = {
  neutral: 0,
  upper: 1,
  lower1: 2,
  lowerPastSixth: 8,
  digit1: 9,
  digit3: 11,
  sign: 12,
  space: 13,
  spaces: 14,
} as const;
const STATES = 15;
const KINDS_PER_STATE = 16;

/** One step: where a unit leads, and which feature it counts towards. */
function step(state: number, kind: number): readonly [next: number, feature: Feature | null] {
  switch (kind) {
    case KIND.continuation:
      return [state, null];
    case KIND.lower: {
      if (state === STATE.upper) return [STATE.lower1 + 1, null];
      if (state < STATE.lower1 || state > STATE.lowerPastSixth) return [STATE.lower1, 'words'];
      const next = Math.min(state + 1, STATE.lowerPastSixth);
      return [next, next === STATE.lowerPastSixth ? 'lettersPastSixth' : null];
    }
    case KIND.upper:
      return [STATE.upper, state === STATE.upper ? 'capitalsInRuns' : 'words'];
    case KIND.digit:
      if (state >= STATE.digit1 && state < STATE.digit3) return [state + 1, null];
      return [STATE.digit1, 'digitGroups'];
    case KIND.sign:
      return [STATE.sign, state === STATE.sign ? 'signsPastFirst' : 'signRuns'];
    case KIND.space:
      if (state === STATE.space) return [STATE.spaces, 'spaceRuns'];
      return [state === STATE.spaces ? STATE.spaces : STATE.space, null];
    case KIND.latin:
      return [STATE.neutral, 'latinLetters'];
    case KIND.greek:
      return [STATE.neutral, 'greekCyrillic'];
    case KIND.cjk:
      return [STATE.neutral, 'cjk'];
    case KIND.other:
      return [STATE.neutral, 'otherScripts'];
    case KIND.symbol:
      return [STATE.neutral, 'symbols'];
    case KIND.pictograph:
      return [STATE.neutral, 'pictographs'];
    default:
      // A line break: it ends the run before it, and the tokens it takes it mostly shares.
      return [STATE.neutral, null];
  }
}

const NEXT = new Uint8Array(STATES * KINDS_PER_STATE);
const FEATURE_AT = new Int8Array(STATES * KINDS_PER_STATE).fill(-1);
for (let state = 0; state < STATES; state += 1) {
  for (const kind of Object.values(KIND)) {
    const [next, feature] = step(state, kind);
    NEXT[state * KINDS_PER_STATE + kind] = next * KINDS_PER_STATE;
    if (feature !== null) {
      FEATURE_AT[state * KINDS_PER_STATE + kind] = FEATURES.indexOf(feature);
    }
  }
}

/** Weighted features of ASCII and of other characters apart. */
export interface ScanResult {
  readonly ascii: number;
  readonly nonAscii: number;
}

/** Adds up a weight for every feature met in a text. */
export type Scan = (text: string) => ScanResult;

/** Weights are added as integers, which is faster: three decimals of a token. */
const WEIGHT_SCALE = 1000;

/** Texts are read in slices of this length, whose sums fit 32 bits. Unit: UTF-16 units. */
const SLICE_LENGTH = 32_768;

const units = new Uint16Array(SLICE_LENGTH);
const unitBytes = Buffer.from(units.buffer);

/** A scan with one weight per feature, in the order of `FEATURES`. Total over all strings. */
export function createScan(weights: readonly number[]): Scan {
  const asciiCosts = costTable(weights, (kind) => kind < FIRST_NON_ASCII_KIND);
  const nonAsciiCosts = costTable(weights, (kind) => kind >= FIRST_NON_ASCII_KIND);
  return (text) => {
    let ascii = 0;
    let nonAscii = 0;
    let state = 0;
    for (let start = 0; start < text.length; start += SLICE_LENGTH) {
      const slice = text.length <= SLICE_LENGTH ? text : text.slice(start, start + SLICE_LENGTH);
      // One copy out of the string is cheaper than asking it for each unit.
      unitBytes.write(slice, 'utf16le');
      let sliceAscii = 0;
      let sliceNonAscii = 0;
      for (let at = 0; at < slice.length; at += 1) {
        // Two sums and no branch: a branch costs more here than the second look-up.
        const index = state + (KINDS[units[at] ?? 0] ?? 0);
        sliceAscii = (sliceAscii + (asciiCosts[index] ?? 0)) | 0;
        sliceNonAscii = (sliceNonAscii + (nonAsciiCosts[index] ?? 0)) | 0;
        state = NEXT[index] ?? 0;
      }
      ascii += sliceAscii;
      nonAscii += sliceNonAscii;
    }
    return { ascii: ascii / WEIGHT_SCALE, nonAscii: nonAscii / WEIGHT_SCALE };
  };
}

function costTable(weights: readonly number[], isCounted: (kind: number) => boolean): Int32Array {
  return Int32Array.from(FEATURE_AT, (feature, index) =>
    isCounted(index % KINDS_PER_STATE) ? Math.round((weights[feature] ?? 0) * WEIGHT_SCALE) : 0,
  );
}
