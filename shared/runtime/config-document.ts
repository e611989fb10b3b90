import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Range,
} from 'yaml';
import { type ParseConfigOptions, type PenstockConfig, parseConfig } from '../contracts/config.ts';
import type { ConfigPath } from '../contracts/config-variables.ts';
import { AppError } from '../domain/errors.ts';

interface LocatedFault {
  readonly line: number | null;
  readonly path: string;
  readonly message: string;
}

/**
 * Reads a configuration from its text, YAML or JSON. `source` names it in errors.
 *
 * @throws {AppError} `invalid_configuration` naming every fault with its line.
 */
export function readConfigText(
  text: string,
  source: string,
  options: ParseConfigOptions,
): PenstockConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ message, pos: [start] }) => ({
      line: lines.linePos(start).line,
      path: '',
      message: `is not YAML: ${message}`,
    }));
    throw faultyConfig(source, faults);
  }
  const parsed = parseConfig(toPlain(source, document), options);
  if (parsed.kind === 'valid') return parsed.config;
  throw faultyConfig(
    source,
    parsed.faults.map(({ path: where, message }) => {
      const start = startOf(document, where);
      return {
        line: start === null ? null : lines.linePos(start).line,
        path: where.join('.'),
        message,
      };
    }),
  );
}

/** The error for a configuration with faults, one line for each in the order of the file. */
export function faultyConfig(source: string, faults: readonly LocatedFault[]): AppError {
  const ordered = faults.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0));
  const described = ordered.map(({ line, path, message }) => {
    const where = [line === null ? '' : `line ${line}`, path].filter((part) => part !== '');
    return `  ${where.join(', ')}${where.length > 0 ? ' ' : ''}${message}`;
  });
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new AppError('invalid_configuration', `${source} has ${count}:\n${described.join('\n')}`, {
    details: { source, faults: faults.length },
  });
}

/** Aliases that expand without end are the one thing only found here. */
function toPlain(source: string, document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw faultyConfig(source, [{ line: null, path: '', message }]);
  }
}

/** Where a path begins in the text: its key, or else the nearest part above that exists. */
function startOf(document: Document, path: ConfigPath): number | null {
  let node: unknown = document.contents;
  let start = rangeStart(node);
  for (const part of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(part),
      );
      start = rangeStart(pair?.key) ?? start;
      next = pair?.value;
    } else if (isSeq(node)) {
      next = node.items[Number(part)];
      start = rangeStart(next) ?? start;
    }
    if (next === undefined) break;
    node = next;
  }
  return start;
}

function rangeStart(node: unknown): number | null {
  if (typeof node !== 'object' || node === null || !('range' in node)) return null;
  const { range } = node;
  return isRange(range) ? range[0] : null;
}

function isRange(value: unknown): value is Range {
  return Array.isArray(value) && typeof value[0] === 'number';
}
