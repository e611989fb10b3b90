/**
 * Regenerates shared/adapters/catalog/models.json from the LiteLLM package.
 *
 *   node scripts/update-catalog.ts [version]
 *
 * Needs Python with pip. The package is downloaded by name, its one JSON table is read, and
 * nothing of it is installed or run. Which models and which rules: see the catalog's README.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const DEFAULT_VERSION = '1.109.1';
const TABLE = 'litellm/model_prices_and_context_window_backup.json';
const TARGET = new URL('../shared/adapters/catalog/models.json', import.meta.url);
const VENDORS = ['openai', 'azure', 'anthropic', 'groq', 'mistral', 'together_ai', 'gemini'];
const MODES = ['chat', 'responses', 'embedding'];

/** Prompt plus answer, where the source gives the two apart although they share no tokens. */
const SPLIT_WINDOWS = [400_000, 1_050_000];

/** Micro-dollars per million tokens, from dollars per token. */
const RATE_SCALE = 1e12;

const rowSchema = z.looseObject({
  litellm_provider: z.string(),
  mode: z.string().optional(),
  max_input_tokens: z.number().nullish(),
  max_output_tokens: z.number().nullish(),
});
type SourceRow = z.infer<typeof rowSchema>;
type Rates = [input: number, output: number, cached: number, write5m: number, write1h: number];

function main(): void {
  const version = process.argv[2] ?? DEFAULT_VERSION;
  const source = z.record(z.string(), z.unknown()).parse(JSON.parse(downloadTable(version)));
  const lines: string[] = [];
  for (const name of Object.keys(source).sort()) {
    const parsed = rowSchema.safeParse(source[name]);
    if (!parsed.success || !isWanted(parsed.data)) continue;
    const entry = toEntry(parsed.data);
    if (Object.keys(entry).length > 0) {
      lines.push(`    ${JSON.stringify(name)}: ${JSON.stringify(entry)}`);
    }
  }
  if (lines.length < 300) {
    throw new Error(`Only ${lines.length} models found: has the layout of ${TABLE} changed?`);
  }
  const head = {
    source: `litellm ${version} (PyPI), ${TABLE}`,
    licence: 'MIT, Copyright (c) 2023 Berri AI; the licence text is in README.md beside this file',
    asOf: new Date().toISOString().slice(0, 10),
    rates: 'micro-dollars per million tokens: [input, output, cached input, write 5m, write 1h]',
  };
  const headLines = Object.entries(head).map(
    ([key, text]) => `  "${key}": ${JSON.stringify(text)}`,
  );
  const text = `{\n${headLines.join(',\n')},\n  "models": {\n${lines.join(',\n')}\n  }\n}\n`;
  writeFileSync(TARGET, text);
  console.log(`${lines.length} models, ${text.length} bytes, as of ${head.asOf}`);
}

function downloadTable(version: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'catalog-'));
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', `litellm==${version}`];
    execFileSync('python3', [...pip, '-d', folder], { stdio: 'inherit' });
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`pip left no wheel of litellm ${version}`);
    execFileSync('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    return readFileSync(join(folder, TABLE), 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isWanted(row: SourceRow): boolean {
  return VENDORS.includes(row.litellm_provider) && MODES.includes(row.mode ?? '');
}

function toEntry(row: SourceRow): Record<string, unknown> {
  const entry: Record<string, unknown> = {};
  const input = row.max_input_tokens ?? undefined;
  const output = row.max_output_tokens ?? undefined;
  if (input !== undefined) {
    const isSplit =
      output !== undefined &&
      (row.litellm_provider === 'gemini' || SPLIT_WINDOWS.includes(input + output));
    entry['window'] = isSplit ? input + (output ?? 0) : input;
    if (isSplit) entry['maxInput'] = input;
  }
  if (output !== undefined && row.mode !== 'embedding') entry['maxOutput'] = output;
  const rates = laneRates(row, '');
  if (rates === null) return entry;
  Object.assign(entry, rates);
  const above = longContextThousands(row);
  const long = above === null ? null : laneRates(row, `_above_${above}k_tokens`);
  if (above !== null && long !== null) entry['long'] = { above: above * 1000, ...long };
  return entry;
}

function longContextThousands(row: SourceRow): number | null {
  for (const key of Object.keys(row)) {
    const match = /^input_cost_per_token_above_(\d+)k_tokens$/.exec(key);
    if (match?.[1] !== undefined) return Number(match[1]);
  }
  return null;
}

function laneRates(row: SourceRow, tier: string): Record<string, Rates> | null {
  const live = liveRates(row, tier);
  if (live === null) return null;
  const flex = discounted(row, tier, '_flex', live);
  const native = discounted(row, tier, '_batches', live);
  return { live, ...(flex === null ? {} : { flex }), ...(native === null ? {} : { native }) };
}

function liveRates(row: SourceRow, tier: string): Rates | null {
  const input = rate(row, `input_cost_per_token${tier}`);
  if (input === null) return null;
  const write5m = rate(row, `cache_creation_input_token_cost${tier}`) ?? input;
  return [
    input,
    rate(row, `output_cost_per_token${tier}`) ?? 0,
    rate(row, `cache_read_input_token_cost${tier}`) ?? input,
    write5m,
    rate(row, `cache_creation_input_token_cost_above_1hr${tier}`) ?? write5m,
  ];
}

/**
 * Rates of a cheaper lane; `null` when the source names none. What it leaves out follows the
 * lane's share of the input rate, except cached input: that stacks only where the source says
 * so, and otherwise costs the list rate or the lane's input rate, whichever is less.
 */
function discounted(row: SourceRow, tier: string, lane: string, live: Rates): Rates | null {
  const input = rate(row, `input_cost_per_token${tier}${lane}`);
  if (input === null) return null;
  const follow = (list: number): number =>
    live[0] === 0 ? list : Math.round((list * input) / live[0]);
  return [
    input,
    rate(row, `output_cost_per_token${tier}${lane}`) ?? follow(live[1]),
    rate(row, `cache_read_input_token_cost${tier}${lane}`) ?? Math.min(live[2], input),
    rate(row, `cache_creation_input_token_cost${tier}${lane}`) ?? follow(live[3]),
    rate(row, `cache_creation_input_token_cost_above_1hr${tier}${lane}`) ?? follow(live[4]),
  ];
}

function rate(row: SourceRow, key: string): number | null {
  const dollars = row[key];
  return typeof dollars === 'number' && dollars >= 0 ? Math.round(dollars * RATE_SCALE) : null;
}

main();
