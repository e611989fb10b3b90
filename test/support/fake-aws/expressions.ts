/**
 * DynamoDB's expressions, as far as the adapters use them; anything else is an error, so that a
 * test never passes on something the fake does not know.
 */

/** A value as DynamoDB sends it, e.g. `{ S: "x" }`. */
export type Value = Readonly<Record<string, unknown>>;
export type Item = Readonly<Record<string, Value>>;

export interface Bindings {
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, Value>>;
}

export class InvalidExpression extends Error {}

const TOKENS = /\s*(<>|<=|>=|[=<>(),+-]|:\w+|#?\w+)/gy;
const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Whether the item meets a condition; an absent item meets what asks for absence. */
export function meets(condition: string, item: Item | null, bindings: Bindings): boolean {
  const reader = new Reader(condition, item ?? {}, bindings);
  const isMet = reader.or();
  reader.end();
  return isMet;
}

/** The item after an update; `null` stands for none. */
export function updated(update: string, item: Item | null, bindings: Bindings): Item {
  const before = item ?? {};
  const reader = new Reader(update, before, bindings);
  const after: Record<string, Value> = { ...before };
  while (!reader.isAtEnd) {
    const clause = reader.next();
    do {
      const name = reader.path();
      if (clause === 'SET') {
        reader.expect('=');
        const value = reader.sum();
        if (value === undefined) throw new InvalidExpression(`SET ${name} has no value`);
        after[name] = value;
      } else if (clause === 'REMOVE') {
        delete after[name];
      } else if (clause === 'ADD') {
        after[name] = added(before[name] ?? { N: '0' }, reader.operand(), 1);
      } else {
        throw new InvalidExpression(`${clause} is not known here`);
      }
    } while (reader.accept(','));
  }
  return after;
}

class Reader {
  private readonly tokens: string[] = [];
  private readonly text: string;
  private readonly item: Item;
  private readonly bindings: Bindings;
  private position = 0;

  constructor(text: string, item: Item, bindings: Bindings) {
    this.text = text;
    this.item = item;
    this.bindings = bindings;
    TOKENS.lastIndex = 0;
    let reached = 0;
    for (let match = TOKENS.exec(text); match !== null; match = TOKENS.exec(text)) {
      this.tokens.push(match[1] ?? '');
      reached = TOKENS.lastIndex;
    }
    if (text.slice(reached).trim() !== '') {
      throw new InvalidExpression(`${text.slice(reached)} is not known here`);
    }
  }

  get isAtEnd(): boolean {
    return this.position >= this.tokens.length;
  }

  end(): void {
    if (!this.isAtEnd) throw new InvalidExpression(`${this.peek()} was not expected: ${this.text}`);
  }

  peek(): string {
    return this.tokens[this.position] ?? '';
  }

  next(): string {
    this.position += 1;
    return this.tokens[this.position - 1] ?? '';
  }

  accept(token: string): boolean {
    if (this.peek().toUpperCase() !== token) return false;
    this.position += 1;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) throw new InvalidExpression(`${token} was expected: ${this.text}`);
  }

  or(): boolean {
    let isMet = this.and();
    while (this.accept('OR')) {
      const other = this.and();
      isMet ||= other;
    }
    return isMet;
  }

  and(): boolean {
    let isMet = this.not();
    while (this.accept('AND')) {
      const other = this.not();
      isMet &&= other;
    }
    return isMet;
  }

  not(): boolean {
    if (this.accept('NOT')) return !this.not();
    if (this.accept('(')) {
      const isMet = this.or();
      this.expect(')');
      return isMet;
    }
    return this.comparison();
  }

  comparison(): boolean {
    switch (this.peek()) {
      case 'attribute_exists':
        return this.argument() !== undefined;
      case 'attribute_not_exists':
        return this.argument() === undefined;
      case 'begins_with': {
        this.next();
        this.expect('(');
        const whole = this.operand();
        this.expect(',');
        const start = this.operand();
        this.expect(')');
        return textOf(whole)?.startsWith(textOf(start) ?? '') ?? false;
      }
      default: {
        const left = this.operand();
        if (this.accept('BETWEEN')) {
          const low = this.operand();
          this.expect('AND');
          const high = this.operand();
          return holds('>=', left, low) && holds('<=', left, high);
        }
        return holds(this.next(), left, this.operand());
      }
    }
  }

  argument(): Value | undefined {
    this.next();
    this.expect('(');
    const value = this.item[this.path()];
    this.expect(')');
    return value;
  }

  /** Name of an attribute of the item itself; nested paths are not known here. */
  path(): string {
    const token = this.next();
    if (!token.startsWith('#')) return token;
    const name = this.bindings.names[token];
    if (name === undefined) throw new InvalidExpression(`${token} has no name`);
    return name;
  }

  operand(): Value | undefined {
    if (this.peek() === 'if_not_exists') {
      this.next();
      this.expect('(');
      const known = this.item[this.path()];
      this.expect(',');
      const other = this.operand();
      this.expect(')');
      return known ?? other;
    }
    if (!this.peek().startsWith(':')) return this.item[this.path()];
    const token = this.next();
    const value = this.bindings.values[token];
    if (value === undefined) throw new InvalidExpression(`${token} has no value`);
    return value;
  }

  sum(): Value | undefined {
    const left = this.operand();
    if (this.accept('+')) return added(left, this.operand(), 1);
    if (this.accept('-')) return added(left, this.operand(), -1);
    return left;
  }
}

function holds(sign: string, left: Value | undefined, right: Value | undefined): boolean {
  const test = COMPARISONS[sign];
  if (test === undefined) throw new InvalidExpression(`${sign} is not known here`);
  if (left === undefined || right === undefined) return sign === '<>' && left !== right;
  const [type = ''] = Object.keys(left);
  if (!(type in right)) return sign === '<>';
  if (type === 'N') return test(Math.sign(Number(left['N']) - Number(right['N'])));
  return test(compareText(String(left[type]), String(right[type])));
}

/** DynamoDB compares bytes of UTF-8. */
export function compareText(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function added(left: Value | undefined, right: Value | undefined, sign: 1 | -1): Value {
  if (left?.['N'] === undefined || right?.['N'] === undefined) {
    throw new InvalidExpression('Only numbers can be added here');
  }
  return { N: String(Number(left['N']) + sign * Number(right['N'])) };
}

function textOf(value: Value | undefined): string | undefined {
  const text = value?.['S'];
  return typeof text === 'string' ? text : undefined;
}
