/** Command line values, from text to what they mean. */

import { InvalidArgumentError } from 'commander';
import {
  COMPLETION_WINDOW_HINT,
  parseCompletionWindow,
} from '../shared/domain/completion-window.ts';
import { LANES, type Lane } from '../shared/domain/lane.ts';

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

export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('Write a port, 0 to 65535.');
}
