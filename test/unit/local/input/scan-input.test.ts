import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type RejectedLine,
  type ScannedRequest,
  type ScanSummary,
  scanInput,
} from '../../../../local/input/scan-input.ts';
import type { ConfiguredModels } from '../../../../shared/runtime/configured-models.ts';
import { createSizeRequest } from '../../../../shared/runtime/size-request.ts';
import { batchLine, testModels } from '../test-models.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'penstock-scan-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

interface Scanned {
  readonly requests: ScannedRequest[];
  readonly rejected: RejectedLine[];
  readonly summary: ScanSummary;
}

async function scan(content: string | Buffer, models?: ConfiguredModels): Promise<Scanned> {
  const path = join(directory, 'in.jsonl');
  writeFileSync(path, content);
  const known = models ?? (await testModels());
  const size = createSizeRequest(known.catalog, 'quick');
  const batches = scanInput({ path, models: known, size });
  const requests: ScannedRequest[] = [];
  const rejected: RejectedLine[] = [];
  for (;;) {
    const next = await batches.next();
    if (next.done) return { requests, rejected, summary: next.value };
    requests.push(...next.value.requests);
    rejected.push(...next.value.rejected);
  }
}

async function faultOf(line: string | Buffer): Promise<string> {
  const { requests, rejected } = await scan(line);
  expect(requests).toEqual([]);
  expect(rejected).toHaveLength(1);
  const [fault] = rejected;
  return `${fault?.code}: ${fault?.message}`;
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('scanInput', () => {
  it('finds good lines with the bytes they stand in', async () => {
    const lines = [batchLine('a'), '', batchLine('b', {}, { note: 'é' }), batchLine('c')];
    const content = Buffer.from(`\uFEFF${lines.join('\r\n')}`);
    const { requests, rejected, summary } = await scan(content);
    expect(rejected).toEqual([]);
    expect(requests.map(({ line, customId }) => [line, customId])).toEqual([
      [1, 'a'],
      [3, 'b'],
      [4, 'c'],
    ]);
    for (const { offset, length, customId } of requests) {
      const line = content.subarray(offset, offset + length).toString();
      expect(JSON.parse(line)).toMatchObject({ custom_id: customId });
    }
    expect(summary).toEqual({
      lines: 3,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    expect(requests[0]).toMatchObject({ endpoint: '/v1/chat/completions', maxOutputTokens: 50 });
    expect(requests[0]?.inputTokens).toBeGreaterThan(3);
  });

  it.each([
    ['not JSON', '{"custom_id": "a", }', /invalid_request: Not usable JSON at column 20/],
    ['not an object', '[1]', /invalid_request: the line is a list, not an object/],
    ['no custom_id', '{"method":"POST"}', /custom_id is missing; give each line/],
    [
      'custom_id in other spelling',
      '{"customId":"a"}',
      /custom_id is missing \("customId" is not read\)/,
    ],
    ['custom_id a number', '{"custom_id":1}', /custom_id is a number/],
    ['custom_id empty', '{"custom_id":""}', /custom_id is empty/],
    ['custom_id too long', batchLine('x'.repeat(513)), /custom_id is a text of 513/],
    ['another method', batchLine('a', {}, { method: 'GET' }), /method is "GET"; write "POST"/],
    [
      'unknown url',
      batchLine('a', {}, { url: '/v1/chat/completion' }),
      /unsupported_endpoint: url is "\/v1\/chat\/completion".*Did you mean "\/v1\/chat\/completions"/,
    ],
    ['no body', batchLine('a', {}, { body: null }), /body is null; it holds the request itself/],
    ['no model', batchLine('a', { model: undefined }), /body\.model is missing/],
    [
      'unknown model',
      batchLine('a', { model: 'gpt-99' }),
      /unknown_model: model "gpt-99" is neither configured nor in the catalog/,
    ],
    ['stream', batchLine('a', { stream: true }), /body\.stream is true/],
    [
      'a route the provider lacks',
      batchLine('a', {}, { url: '/v1/messages' }),
      /unsupported_endpoint: url is \/v1\/messages, but gpt-4o-mini is served by openai/,
    ],
    [
      'beyond the context window',
      batchLine('a', { messages: [{ role: 'user', content: 'word '.repeat(140_000) }] }),
      /context_length_exceeded: input .* tokens > 128000/,
    ],
    [
      'more output than the model gives',
      batchLine('a', { max_tokens: 20_000 }),
      /invalid_request: max output 20000 tokens > 16384/,
    ],
    ['nested too deeply', `{"custom_id":"a","x":${nested(300)}}`, /Not usable JSON at column \d+/],
    ['a lone surrogate', '{"custom_id":"\\ud800"}', /Not usable JSON at column/],
    ['Infinity', '{"custom_id":"a","x":1e400}', /Not usable JSON at column/],
    ['a forbidden key', '{"custom_id":"a","__proto__":{}}', /Not usable JSON at column/],
  ])('refuses %s', async (_, line, expected) => {
    expect(await faultOf(line)).toMatch(expected);
  });

  it('refuses bytes that are not UTF-8', async () => {
    const line = Buffer.concat([Buffer.from('{"custom_id":"'), Buffer.from([0xff, 0xfe])]);
    expect(await faultOf(line)).toMatch(/not UTF-8/);
    expect(await faultOf(Buffer.from(`\uFEFF${batchLine('a')}`, 'utf16le'))).toMatch(/UTF-8/);
  });

  it('names the first line of a custom_id that comes twice', async () => {
    const { requests, rejected } = await scan(
      [batchLine('a'), batchLine('b'), '', batchLine('a', { n: 2 })].join('\n'),
    );
    expect(requests).toHaveLength(2);
    expect(rejected).toEqual([
      {
        line: 4,
        code: 'duplicate_custom_id',
        message: 'custom_id "a" is on line 1 already; give each line its own',
        customId: 'a',
      },
    ]);
  });

  it('refuses what no bucket could ever admit, with the numbers', async () => {
    const models = await testModels({ 'gpt-4o-mini': { limits: { tokensPerMinute: 40 } } });
    const { rejected } = await scan(batchLine('a'), models);
    expect(rejected[0]).toMatchObject({ code: 'exceeds_rate_limit' });
    expect(rejected[0]?.message).toMatch(/tokensPerMinute bucket of gpt-4o-mini holds only 40/);
  });

  it('takes lines of 10 MB, and refuses those above 32 MiB without keeping them', async () => {
    const models = await testModels({ wide: { provider: 'openai' } });
    const long = batchLine('a', {
      model: 'wide',
      messages: [{ role: 'user', content: 'word '.repeat(2_000_000) }],
    });
    const tooLong = batchLine('b', { messages: 'x'.repeat(34 * 1_024 * 1_024) });
    const { requests, rejected } = await scan(`${long}\n${tooLong}\n${batchLine('c')}\n`, models);
    expect(requests.map(({ customId }) => customId)).toEqual(['a', 'c']);
    expect(rejected).toMatchObject([{ line: 2, code: 'payload_too_large' }]);
  });

  it('makes neighbours of lines that share a long opening', async () => {
    const system = (topic: string) => ({
      messages: [
        { role: 'system', content: `${topic} `.repeat(1_200) },
        { role: 'user', content: 'hi' },
      ],
    });
    const { requests } = await scan(
      [
        batchLine('a', system('cats')),
        batchLine('b', system('dogs')),
        batchLine('c', system('cats')),
        batchLine('d'),
      ].join('\n'),
    );
    expect(requests.map(({ groupOrder }) => groupOrder)).toEqual([1, 2, 1, 4]);
    expect(requests[0]?.prefixKey).toBe(requests[2]?.prefixKey);
    expect(requests[3]?.prefixKey).toBeNull();
  });

  it.each(['', '\n\n', '\uFEFF'])('refuses an input without requests: %j', async (content) => {
    await expect(scan(content)).rejects.toMatchObject({ code: 'empty_input' });
  });

  it('says which file is not there, or is none', async () => {
    const models = await testModels();
    const size = createSizeRequest(models.catalog, 'quick');
    const first = (path: string) => scanInput({ path, models, size }).next();
    await expect(first(join(directory, 'no.jsonl'))).rejects.toMatchObject({
      code: 'file_not_found',
      message: expect.stringContaining('no.jsonl'),
    });
    await expect(first(directory)).rejects.toMatchObject({ code: 'file_not_found' });
  });
});
