/** The scan behind `parseGuardedJson`: the grammar of JSON, its bounds and its traps, in one pass. */

import { beginsNumber, endOfNumber, misreading } from './json-number.ts';

export interface ScanLimits {
  readonly maxDepth: number;
  readonly maxKeys: number;
}

export interface ScanFault {
  /** Unit: UTF-16 units from the start of the text. */
  readonly offset: number;
  readonly message: string;
}

/** What the grammar allows next, and how a fault there is worded. */
const EXPECTATIONS = {
  value: 'expected a value',
  valueOrEnd: 'expected a value or "]"',
  key: 'expected a key in double quotes',
  keyOrEnd: 'expected a key in double quotes or "}"',
  colon: 'expected ":"',
  commaOrEnd: 'expected "," or the closing bracket',
  end: 'expected nothing after the value',
} as const;
type Expected = keyof typeof EXPECTATIONS;

/** The keys seen in an open object, or `null` for an array. */
type Container = Set<string> | null;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const LOWER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Whatever lies below the space. */
const CONTROL = /[^ -\uffff]/g;
const SHORT_ESCAPES = '"\\/bfnrt';
const LITERALS = ['true', 'false', 'null'] as const;
const FOUR_HEX_DIGITS = /^[0-9a-fA-F]{4}$/;

/** Assigning these would change objects elsewhere; no provider has a field of such a name. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * One scan of one text. Strings, which are most of a prompt, are passed over by native searches;
 * a loop over their characters costs five times as much.
 */
export class JsonScanner {
  private readonly text: string;
  private readonly limits: ScanLimits;
  private readonly open: Container[] = [];
  private position = 0;
  /** The next of each at or after some earlier position; searched for again once passed. */
  private backslash = -1;
  private control = -1;
  private keyCount = 0;
  private expected: Expected = 'value';
  private fault: ScanFault | null = null;

  constructor(text: string, limits: ScanLimits) {
    this.text = text;
    this.limits = limits;
  }

  /** The first fault, or `null` when `JSON.parse` will take the text and keep its meaning. */
  scan(): ScanFault | null {
    while (this.fault === null) {
      while (isBlank(this.unit())) this.position += 1;
      if (this.position < this.text.length) this.step(this.unit());
      else if (this.expected === 'end') return null;
      else this.refuse(`it ends too early, ${EXPECTATIONS[this.expected]}`);
    }
    return this.fault;
  }

  private step(unit: number): void {
    switch (this.expected) {
      case 'valueOrEnd':
        if (unit === CLOSE_ARRAY) this.close();
        else this.value(unit);
        break;
      case 'value':
        this.value(unit);
        break;
      case 'keyOrEnd':
        if (unit === CLOSE_OBJECT) this.close();
        else this.key(unit);
        break;
      case 'key':
        this.key(unit);
        break;
      case 'colon':
        if (unit === COLON) this.pass('value');
        else this.refuseUnexpected();
        break;
      case 'commaOrEnd':
        this.afterValue(unit);
        break;
      case 'end':
        this.refuseUnexpected();
    }
  }

  private value(unit: number): void {
    if (unit === QUOTE) {
      this.string();
      this.endValue();
    } else if (unit === OPEN_OBJECT) {
      this.enter(new Set(), 'keyOrEnd');
    } else if (unit === OPEN_ARRAY) {
      this.enter(null, 'valueOrEnd');
    } else if (beginsNumber(unit)) {
      this.number();
      this.endValue();
    } else {
      this.literal();
      this.endValue();
    }
  }

  private enter(container: Container, expected: Expected): void {
    if (this.open.length >= this.limits.maxDepth) {
      this.refuse(`nested deeper than ${this.limits.maxDepth} levels`);
    }
    this.open.push(container);
    this.pass(expected);
  }

  private close(): void {
    this.open.pop();
    this.position += 1;
    this.endValue();
  }

  private afterValue(unit: number): void {
    const isArray = this.open.at(-1) === null;
    if (unit === COMMA) this.pass(isArray ? 'value' : 'key');
    else if (unit === (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) this.close();
    else this.refuseUnexpected();
  }

  private endValue(): void {
    this.expected = this.open.length === 0 ? 'end' : 'commaOrEnd';
  }

  private key(unit: number): void {
    if (unit !== QUOTE) {
      this.refuseUnexpected();
      return;
    }
    const start = this.position;
    const hasEscapes = this.string();
    if (this.fault !== null) return;
    const quoted = this.text.slice(start, this.position);
    const key: string = hasEscapes ? JSON.parse(quoted) : quoted.slice(1, -1);
    const keys = this.open.at(-1);
    this.keyCount += 1;
    if (this.keyCount > this.limits.maxKeys) {
      this.refuse(`more than ${this.limits.maxKeys} keys`, start);
    } else if (FORBIDDEN_KEYS.has(key)) {
      this.refuse(`the key "${key}" is not taken. Rename it`, start);
    } else if (keys?.has(key)) {
      this.refuse('the key stands here a second time. Keep one of them', start);
    }
    keys?.add(key);
    this.expected = 'colon';
  }

  /** Passes over a string; says whether it holds escapes. */
  private string(): boolean {
    let hasEscapes = false;
    let quote = -1;
    this.position += 1;
    while (this.fault === null) {
      if (quote < this.position) quote = indexFrom(this.text, '"', this.position);
      this.seekBackslash();
      this.seekControl();
      if (this.control < Math.min(quote, this.backslash)) {
        this.refuse('a control character inside a string must be escaped, e.g. \\n', this.control);
      } else if (this.backslash < quote) {
        hasEscapes = true;
        this.position = this.backslash;
        this.escape();
      } else if (quote === Number.POSITIVE_INFINITY) {
        this.refuse('it ends inside a string', this.text.length);
      } else {
        this.position = quote + 1;
        break;
      }
    }
    return hasEscapes;
  }

  private seekBackslash(): void {
    if (this.backslash < this.position) {
      this.backslash = indexFrom(this.text, '\\', this.position);
    }
  }

  private seekControl(): void {
    if (this.control >= this.position) return;
    CONTROL.lastIndex = this.position;
    this.control = CONTROL.exec(this.text)?.index ?? Number.POSITIVE_INFINITY;
  }

  /** A surrogate must come as an escaped pair: half a character has no UTF-8. */
  private escape(): void {
    const start = this.position;
    const unit = this.escapedUnit();
    if (unit === null || !isSurrogate(unit)) return;
    const canPair = isHighSurrogate(unit) && this.unit() === BACKSLASH;
    const low = canPair ? this.escapedUnit() : null;
    if (low === null || !isSurrogate(low) || isHighSurrogate(low)) {
      this.refuse('half a surrogate pair, which is no character. Send both halves', start);
    }
  }

  /** The code unit of a `\u` escape; `null` for any other. */
  private escapedUnit(): number | null {
    const kind = this.text.charCodeAt(this.position + 1);
    if (kind === LOWER_U) {
      const digits = this.text.slice(this.position + 2, this.position + 6);
      if (!FOUR_HEX_DIGITS.test(digits)) this.refuse('expected four hexadecimal digits after \\u');
      this.position += 6;
      return Number.parseInt(digits, 16);
    }
    if (!SHORT_ESCAPES.includes(String.fromCharCode(kind))) this.refuse('no escape of JSON');
    this.position += 2;
    return null;
  }

  private literal(): void {
    const word = LITERALS.find((literal) => this.text.startsWith(literal, this.position));
    if (word === undefined) this.refuseUnexpected();
    else this.position += word.length;
  }

  private number(): void {
    const end = endOfNumber(this.text, this.position);
    if (end < 0) {
      this.refuse('expected a digit', ~end);
      return;
    }
    const message = misreading(this.text, this.position, end);
    if (message !== null) this.refuse(message);
    this.position = end;
  }

  /** The unit here; NaN past the end, which equals nothing. */
  private unit(): number {
    return this.text.charCodeAt(this.position);
  }

  private pass(expected: Expected): void {
    this.position += 1;
    this.expected = expected;
  }

  private refuseUnexpected(): void {
    this.refuse(EXPECTATIONS[this.expected]);
  }

  /** Keeps the first fault. */
  private refuse(message: string, offset = this.position): void {
    this.fault ??= { offset, message };
  }
}

/** Like `indexOf`, and infinite when there is none, so that places can be compared. */
function indexFrom(text: string, wanted: string, start: number): number {
  const index = text.indexOf(wanted, start);
  return index === -1 ? Number.POSITIVE_INFINITY : index;
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
