import { InvalidArgumentError } from 'commander';
import { type ConfiguredModels, loadModels } from '../../local/config/configured-models.ts';
import { type LoadedConfig, loadConfig } from '../../local/config/load-config.ts';
import {
  COMPLETION_WINDOW_HINT,
  parseCompletionWindow,
} from '../../shared/domain/completion-window.ts';
import { LANES, type Lane } from '../../shared/domain/lane.ts';
import type { Terminal } from '../terminal.ts';

export interface ConfiguredCommand extends LoadedConfig {
  readonly models: ConfiguredModels;
  /** Names the configuration in errors. */
  readonly source: string;
}

/** Loads what every command that knows models needs. */
export async function configure(
  terminal: Terminal,
  options: { readonly config?: string; readonly concurrency?: number },
  needsKeys: boolean,
): Promise<ConfiguredCommand> {
  const { directory, environment } = terminal;
  const loaded = loadConfig({ path: options.config, directory, environment, needsKeys });
  const source = loaded.path ?? 'The environment';
  const { concurrency } = options;
  const models = await loadModels(loaded.config, { source, concurrency });
  return { ...loaded, models, source };
}

export function parseWindow(text: string): number {
  const windowMs = parseCompletionWindow(text);
  if (windowMs === null) throw new InvalidArgumentError(`Write ${COMPLETION_WINDOW_HINT}.`);
  return windowMs;
}

export function parseLane(text: string): Lane {
  const lane = LANES.find((known) => known === text);
  if (lane === undefined) throw new InvalidArgumentError(`Lanes are ${LANES.join(', ')}.`);
  if (lane === 'native') {
    throw new InvalidArgumentError(
      'This version cannot send native batches yet; use flex or live.',
    );
  }
  return lane;
}

export function parseTags(text: string): string[] {
  const tags = text.split(',').map((tag) => tag.trim());
  if (tags.some((tag) => tag === '' || tag.length > 128)) {
    throw new InvalidArgumentError(
      'Write tags of 1 to 128 characters, e.g. --tags nightly,team-a.',
    );
  }
  return tags;
}

export function parseWholeAboveZero(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Write a whole number above 0.');
}
