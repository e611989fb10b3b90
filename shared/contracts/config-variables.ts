/** `${VARIABLE}` in a configuration, filled in from an environment. */

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const WHOLE_REFERENCE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

const SECRET_PREFIX = 'secretsmanager:';

/** How a reference is written, for messages. */
export const VARIABLE_EXAMPLE = `"\${VARIABLE}"`;

export type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigPath = readonly (string | number)[];

export interface UnsetVariable {
  readonly path: ConfigPath;
  readonly variable: string;
}

/**
 * A copy of a parsed document in which every `${VARIABLE}` inside text is replaced. A variable
 * that is unset or empty is reported and its reference left as it is.
 */
export function fillVariables(
  value: unknown,
  environment: Environment,
): { readonly value: unknown; readonly unset: readonly UnsetVariable[] } {
  const unset: UnsetVariable[] = [];
  const fill = (part: unknown, path: ConfigPath): unknown => {
    if (typeof part === 'string') {
      return part.replace(REFERENCE, (reference, variable: string) => {
        const found = environment[variable];
        if (found !== undefined && found !== '') return found;
        unset.push({ path, variable });
        return reference;
      });
    }
    if (Array.isArray(part)) return part.map((entry, index) => fill(entry, [...path, index]));
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, entry]) => [key, fill(entry, [...path, key])]),
    );
  };
  return { value: fill(value, []), unset };
}

/** The one variable a text consists of, or `null` when it is anything else. */
export function variableOf(text: unknown): string | null {
  return typeof text === 'string' ? (WHOLE_REFERENCE.exec(text)?.[1] ?? null) : null;
}

/** What a `secretsmanager:` reference names, or `null` when the text is none. */
export function secretName(text: unknown): string | null {
  return typeof text === 'string' && text.startsWith(SECRET_PREFIX)
    ? text.slice(SECRET_PREFIX.length)
    : null;
}

/** An own field of whatever was parsed. */
export function fieldOf(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}
