import { readFileSync, statSync } from 'node:fs';
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
import {
  type ParseConfigOptions,
  type PenstockConfig,
  parseConfig,
} from '../../shared/contracts/config.ts';
import type { ConfigPath } from '../../shared/contracts/config-variables.ts';
import { AppError } from '../../shared/domain/errors.ts';

/** Far above any real configuration; below what would stall the parser. Unit: bytes. */
const MOST_BYTES = 1_048_576;

interface LocatedFault {
  readonly line: number | null;
  readonly path: string;
  readonly message: string;
}

/**
 * Reads a configuration file, YAML or JSON.
 *
 * @throws {AppError} `file_not_found` when there is none; `invalid_configuration` naming every
 * fault with its line.
 */
export function readConfigFile(path: string, options: ParseConfigOptions): PenstockConfig {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ message, pos: [start] }) => ({
      line: lines.linePos(start).line,
      path: '',
      message: `is not YAML: ${message}`,
    }));
    throw faultyConfig(path, faults);
  }
  const parsed = parseConfig(toPlain(path, document), options);
  if (parsed.kind === 'valid') return parsed.config;
  throw faultyConfig(
    path,
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

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size <= MOST_BYTES) return readFileSync(path, 'utf8');
    throw new AppError(
      'invalid_configuration',
      `${path} holds ${size} bytes; a configuration has at most ${MOST_BYTES}. Is it the right file?`,
    );
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      'file_not_found',
      `Cannot read the configuration ${path}: ${reason}. Check the path given with --config.`,
      { cause: error },
    );
  }
}

/** Aliases that expand without end are the one thing only found here. */
function toPlain(path: string, document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw faultyConfig(path, [{ line: null, path: '', message }]);
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
