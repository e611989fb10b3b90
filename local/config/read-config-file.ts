import { readFileSync, statSync } from 'node:fs';
import type { ParseConfigOptions, PenstockConfig } from '../../shared/contracts/config.ts';
import { AppError } from '../../shared/domain/errors.ts';
import { readConfigText } from '../../shared/runtime/config-document.ts';

/** Far above any real configuration; below what would stall the parser. Unit: bytes. */
const MOST_BYTES = 1_048_576;

/**
 * Reads a configuration file, YAML or JSON.
 *
 * @throws {AppError} `file_not_found` when there is none; `invalid_configuration` naming every
 * fault with its line.
 */
export function readConfigFile(path: string, options: ParseConfigOptions): PenstockConfig {
  return readConfigText(readText(path), path, options);
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
