/** Input files of the bench: lines in OpenAI's batch format, the same bytes for the same seed. */

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Draws, seededDraws } from './seeded.ts';
import { TICKET_INSTRUCTIONS } from './ticket-instructions.ts';
import { ticketText } from './ticket-text.ts';

export type WorkloadDialect = 'openai' | 'anthropic';

/** What the requests of a file look like. */
export interface WorkloadShape {
  readonly dialect: WorkloadDialect;
  readonly model: string;
  readonly count: number;
  readonly seed: number;
  /**
   * `tickets`: 1,200 tokens of instructions that all share, and a ticket of 50 to 300.
   * `alone`: the same tickets under one sentence, so that no prompt cache can help.
   * `tiny`: a few words, where only the engine's own work counts.
   */
  readonly kind: 'tickets' | 'alone' | 'tiny';
}

export interface WorkloadLine {
  readonly customId: string;
  readonly text: string;
  /** Characters of the prompt, by which the simulator counts. */
  readonly promptChars: number;
  readonly maxTokens: number;
}

/**
 * Characters per token of the `tickets` prompts by OpenAI's o200k_base, measured; a simulator set
 * to it counts as the real tokenizer does, on average. A test holds it to a hundredth.
 */
export const CHARS_PER_TOKEN = 4.67;

/** The same for tickets under one sentence. */
export const CHARS_PER_TOKEN_ALONE = 4.3;

const SHORT_INSTRUCTIONS = 'Say in one sentence what the ticket asks for.';
const CHARS_PER_TICKET_TOKEN = 4.33;

/** The lines of a file, one after another, so that a large file needs little memory. */
export function* workloadLines(shape: WorkloadShape): Generator<WorkloadLine> {
  const draws = seededDraws(shape.seed);
  for (let number = 1; number <= shape.count; number += 1) yield workloadLine(shape, number, draws);
}

/** Writes the lines to a file and returns what they hold together. */
export async function writeWorkload(path: string, shape: WorkloadShape): Promise<WorkloadSize> {
  const size = { requests: 0, promptChars: 0, maxTokens: 0 };
  function* text(): Generator<string> {
    for (const line of workloadLines(shape)) {
      size.requests += 1;
      size.promptChars += line.promptChars;
      size.maxTokens += line.maxTokens;
      yield `${line.text}\n`;
    }
  }
  await pipeline(Readable.from(text()), createWriteStream(path));
  return size;
}

export interface WorkloadSize {
  readonly requests: number;
  readonly promptChars: number;
  readonly maxTokens: number;
}

function workloadLine(shape: WorkloadShape, number: number, draws: Draws): WorkloadLine {
  const customId = `t-${String(number).padStart(6, '0')}`;
  const isTiny = shape.kind === 'tiny';
  const maxTokens = isTiny ? 16 : draws.between(64, 256);
  // The simulator repeats the mark in its answer, which shows whose answer it is.
  const mark = `[id:${customId}]`;
  const user = isTiny
    ? `${mark} Colour of ${draws.pick(['grass', 'snow', 'coal', 'rust'])}?`
    : `Ticket ${mark}\n${ticketText(draws, draws.between(50, 300) * CHARS_PER_TICKET_TOKEN)}`;
  const system =
    shape.kind === 'tickets' ? TICKET_INSTRUCTIONS : isTiny ? undefined : SHORT_INSTRUCTIONS;
  return {
    customId,
    maxTokens,
    promptChars: user.length + (system?.length ?? 0),
    text: JSON.stringify({
      custom_id: customId,
      method: 'POST',
      url: shape.dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages',
      body: requestBody(shape, system, user, maxTokens),
    }),
  };
}

function requestBody(
  { dialect, model }: WorkloadShape,
  system: string | undefined,
  user: string,
  maxTokens: number,
): object {
  const messages = [{ role: 'user', content: user }];
  if (dialect === 'anthropic') return { model, max_tokens: maxTokens, system, messages };
  const opening = system === undefined ? [] : [{ role: 'system', content: system }];
  return { model, messages: [...opening, ...messages], max_tokens: maxTokens };
}
