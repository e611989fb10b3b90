/** Command line values, from text to what they mean. */

import { InvalidArgumentError } from 'commander';
import { SCOPES, type Scope } from '../shared/domain/api-key.ts';
import {
  COMPLETION_WINDOW_HINT,
  parseCompletionWindow,
} from '../shared/domain/lanes/completion-window.ts';
import { LANES, type Lane } from '../shared/domain/lanes/lane.ts';

export function parseWindow(text: string): number {
  const windowMs = parseCompletionWindow(text);
  if (windowMs === null) throw new InvalidArgumentError(`Write ${COMPLETION_WINDOW_HINT}.`);
  return windowMs;
}

/** The window as a server takes it: as it was written. */
export function parseWindowText(text: string): string {
  parseWindow(text);
  return text;
}

export function parseScopes(text: string): Scope[] {
  return text.split(',').map((word) => {
    const scope = SCOPES.find((known) => known === word.trim());
    if (scope === undefined) throw new InvalidArgumentError(`Scopes are ${SCOPES.join(', ')}.`);
    return scope;
  });
}

/** Dollars as micro-dollars. */
export function parseUsd(text: string): number {
  const microUsd = Math.round(Number(text) * 1_000_000);
  if (/^\d+(\.\d{1,6})?$/.test(text) && Number.isSafeInteger(microUsd)) return microUsd;
  throw new InvalidArgumentError('Write dollars, e.g. 250 or 0.5.');
}

export function parseLane(text: string): Lane {
  const lane = LANES.find((known) => known === text);
  if (lane === undefined) throw new InvalidArgumentError(`Lanes are ${LANES.join(', ')}.`);
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
