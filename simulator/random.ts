/**
 * Seeded draws without state: a draw is a function of (base, stream), so latency, output and
 * faults of a request do not depend on the order in which requests arrive.
 */

/** Two multiplicative lanes over UTF-16 units: stable across runs and machines, not secret. */
export interface Lanes {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_LANES: Lanes = { high: 0x51ab_3c97, low: 0x2f6e_2b1d };

/** Feeds `text` to the lanes; feeding in pieces gives the same lanes as feeding at once. */
export function feed(lanes: Lanes, text: string, start = 0, end = text.length): Lanes {
  let { high, low } = lanes;
  for (let at = start; at < end; at += 1) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x0100_0193);
    low = Math.imul(low ^ (unit + (high >>> 16)), 0x85eb_ca6b);
  }
  return { high, low };
}

/** A 53-bit key of the lanes: collisions are negligible among some millions of prefixes. */
export function digest(lanes: Lanes): number {
  const high = avalanche(lanes.high ^ (lanes.low >>> 7));
  const low = avalanche(lanes.low ^ lanes.high);
  return (high & 0x1f_ffff) * 0x1_0000_0000 + low;
}

/** The base of all draws for one attempt at one request. */
export function drawBase(seed: number, identity: string, attempt: number): number {
  const { high, low } = feed(EMPTY_LANES, identity);
  return avalanche(low ^ avalanche(high ^ avalanche(seed * 31 + attempt)));
}

/** A number in [0, 1), independent for every stream. */
export function uniform(base: number, stream: number): number {
  return avalanche(base ^ Math.imul(stream + 1, 0x9e37_79b9)) / 0x1_0000_0000;
}

/** The 95th percentile of the standard normal distribution. */
const Z95 = 1.6448536269514722;

/** A lognormal draw whose median and 95th percentile are as given. Uses two streams. */
export function lognormal(base: number, stream: number, p50: number, p95: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(base, stream)));
  const normal = radius * Math.cos(2 * Math.PI * uniform(base, stream + 1));
  return p50 * Math.exp((Math.log(p95 / p50) / Z95) * normal);
}

/** Final mixing of a 32-bit word: every input bit reaches every output bit. */
function avalanche(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb_352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846c_a68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
