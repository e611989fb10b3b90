/** Numbers of JSON: their grammar, and whether reading them keeps their value. */

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

/** Digits up to which every integer is exact. */
const SAFE_DIGITS = 15;

/** Whether a number can begin with the UTF-16 unit. */
export function beginsNumber(unit: number): boolean {
  return unit === MINUS || isDigit(unit);
}

/** Where the number that begins at `start` ends, or the complement (`~`) of where a digit is missing. */
export function endOfNumber(text: string, start: number): number {
  let end = text.charCodeAt(start) === MINUS ? start + 1 : start;
  end = text.charCodeAt(end) === ZERO ? end + 1 : endOfDigits(text, end);
  if (end >= 0 && text.charCodeAt(end) === POINT) end = endOfDigits(text, end + 1);
  if (end < 0) return end;
  const unit = text.charCodeAt(end);
  if (unit !== LOWER_E && unit !== UPPER_E) return end;
  const sign = text.charCodeAt(end + 1);
  return endOfDigits(text, sign === PLUS || sign === MINUS ? end + 2 : end + 1);
}

/** Why the number would be read as another one, or `null` when it would not. */
export function misreading(text: string, start: number, end: number): string | null {
  const digits = text.slice(start, end);
  if (digits.length <= SAFE_DIGITS && !/[eE]/.test(digits)) return null;
  const value = Number(digits);
  if (!Number.isFinite(value)) return 'the number is too large to be read back';
  if (/[.eE]/.test(digits) || BigInt(digits) === BigInt(value)) return null;
  return `the integer cannot be kept exactly; the nearest that can is ${value}`;
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end === start ? ~start : end;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}
