import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRequest } from '../../../../shared/domain/sizes/request-size.ts';

const CHAT = '/v1/chat/completions';

/** A PNG's first 24 bytes: signature, IHDR, width, height. */
function png(width: number, height: number): string {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32BE(0x89504e47, 0);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes.toString('base64');
}

function chatWith(part: unknown, model = 'gpt-4o') {
  return readRequest(CHAT, { model, messages: [{ role: 'user', content: [part] }] });
}

const MESSAGE = 4;
const PRIMING = 3;

describe('readRequest on chat completions', () => {
  it('counts 3 and the role for each message, 1 for a name, and 3 to prime the answer', () => {
    const content = readRequest(CHAT, {
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', name: 'ann', content: 'Hello' },
      ],
    });
    expect(content.texts).toEqual(['Be brief.', 'Hello', 'ann']);
    expect(content.otherTokens).toBe(2 * MESSAGE + 1 + PRIMING);
    expect(content.notes).toEqual([]);
  });

  it('multiplies the bound of the answer by the number of choices', () => {
    const bounded = { model: 'gpt-4o', messages: [], max_tokens: 100, n: 3 };
    expect(readRequest(CHAT, bounded).maxOutputTokens).toBe(300);
    const newer = { ...bounded, max_completion_tokens: 50 };
    expect(readRequest(CHAT, newer).maxOutputTokens).toBe(150);
  });

  it('knows no bound where none, or none a provider would take, is given', () => {
    for (const max_tokens of [undefined, null, -1, 1.5, '100', Number.NaN]) {
      expect(readRequest(CHAT, { messages: [], max_tokens }).maxOutputTokens).toBeNull();
    }
  });

  it('counts tools and response schemas as their JSON, and says so', () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
    const json_schema = { name: 'answer', schema: { type: 'object' } };
    const content = readRequest(CHAT, {
      messages: [],
      tools,
      response_format: { type: 'json_schema', json_schema },
    });
    expect(content.texts).toEqual([JSON.stringify(tools), JSON.stringify(json_schema)]);
    expect(content.notes).toHaveLength(2);
    expect(content.notes[0]).toContain('Tools were counted');
  });

  it('counts the name and arguments of earlier tool calls', () => {
    const call = { id: 'c', type: 'function', function: { name: 'find', arguments: '{"q":1}' } };
    const messages = [{ role: 'assistant', content: null, tool_calls: [call] }];
    const content = readRequest(CHAT, { messages });
    expect(content.texts).toEqual(['find', '{"q":1}']);
    expect(content.notes.join()).toContain('Tool calls were estimated');
  });
});

describe('readRequest on images, files and audio', () => {
  const overhead = MESSAGE + PRIMING;

  it.each([
    ['gpt-4o', 'low', 85],
    ['gpt-4o', 'high', 765],
    ['gpt-4o-mini', 'high', 2833 + 4 * 5667],
    ['o1', 'high', 675],
    ['gpt-4.1-mini', 'high', 1659],
    ['claude-sonnet-4-5', '', 1399],
  ])('estimates a 1024 x 1024 image for %s in %s detail at %i tokens', (model, detail, tokens) => {
    const url = `data:image/png;base64,${png(1024, 1024)}`;
    const content = chatWith({ type: 'image_url', image_url: { url, detail } }, model);
    expect(content.otherTokens - overhead).toBe(tokens);
    expect(content.notes.join()).toContain('from their size');
  });

  it('scales a large image down before it counts tiles', () => {
    const url = `data:image/png;base64,${png(4096, 8192)}`;
    const content = chatWith({ type: 'image_url', image_url: { url, detail: 'high' } });
    // 1024 x 2048, then 768 x 1536: 2 x 3 tiles.
    expect(content.otherTokens - overhead).toBe(85 + 6 * 170);
  });

  it('assumes a size for an image behind a link, and says which', () => {
    const content = chatWith({
      type: 'image_url',
      image_url: { url: 'https://example.com/a.png' },
    });
    expect(content.otherTokens - overhead).toBe(765);
    expect(content.notes.join()).toContain('1024 x 1024');
  });

  it('reads the size of a JPEG behind other segments', () => {
    const jpeg = Buffer.from([
      ...[0xff, 0xd8, 0xff, 0xe0, 0x00, 0x06, 0, 0, 0, 0],
      ...[0xff, 0xc0, 0x00, 0x11, 0x08, 0x02, 0x00, 0x04, 0x00, 0x03, 0, 0, 0, 0, 0, 0],
    ]);
    const source = { type: 'base64', media_type: 'image/jpeg', data: jpeg.toString('base64') };
    const content = readRequest('/v1/messages', {
      model: 'claude-sonnet-4-5',
      messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    });
    expect(content.otherTokens - overhead).toBe(Math.ceil((1024 * 512) / 750));
  });

  it('never counts embedded bytes as text', () => {
    const data = 'QUJD'.repeat(50_000);
    const parts = [
      { type: 'file', file: { file_data: `data:application/pdf;base64,${data}` } },
      { type: 'input_audio', input_audio: { data, format: 'wav' } },
      { type: 'something_new', blob: data },
    ];
    for (const part of parts) {
      const content = chatWith(part);
      expect(content.texts.join('').length).toBeLessThan(100);
      expect(content.notes).not.toEqual([]);
    }
  });
});

describe('readRequest on the other routes', () => {
  it('reads instructions, input items and the bound of a response', () => {
    const content = readRequest('/v1/responses', {
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Hi' }] },
        { type: 'function_call', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'done' },
      ],
      max_output_tokens: 64,
    });
    expect(content.texts).toEqual(['Be brief.', 'Hi', 'f', '{}', 'done']);
    expect(content.maxOutputTokens).toBe(64);
  });

  it('says that context kept by the provider is not counted', () => {
    const content = readRequest('/v1/responses', {
      input: 'Go on',
      previous_response_id: 'resp_1',
    });
    expect(content.notes.join()).toContain('kept by the provider');
  });

  it('reads system, blocks and tool results of a message', () => {
    const content = readRequest('/v1/messages', {
      model: 'claude-sonnet-4-5',
      max_tokens: 10,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [{ type: 'tool_result', content: [{ type: 'text', text: '42' }] }],
        },
      ],
    });
    expect(content.texts).toEqual(['Be brief.', '42']);
    expect(content.maxOutputTokens).toBe(10);
  });

  it('takes embeddings as texts that must fit one by one, and token numbers as counted', () => {
    const texts = readRequest('/v1/embeddings', { input: ['a', 'b'] });
    expect(texts).toMatchObject({
      texts: ['a', 'b'],
      otherTokens: 0,
      isWindowPerText: true,
      maxOutputTokens: 0,
    });
    const single = readRequest('/v1/embeddings', { input: [1, 2, 3] });
    expect(single).toMatchObject({ otherTokens: 3, longestNumbered: 3 });
    const several = readRequest('/v1/embeddings', { input: [[1, 2, 3], [4]] });
    expect(several).toMatchObject({ otherTokens: 4, longestNumbered: 3 });
  });

  it('accepts routes without version and with a query, as Azure writes them', () => {
    const body = { input: 'text' };
    expect(readRequest('/embeddings?api-version=1', body).texts).toEqual(['text']);
  });
});

describe('readRequest on anything', () => {
  const url = fc.oneof(
    fc.constantFrom(CHAT, '/v1/responses', '/v1/embeddings', '/v1/messages'),
    fc.string(),
  );
  const keys = [
    'messages',
    'input',
    'content',
    'type',
    'tools',
    'image_url',
    'source',
    'file',
    'n',
  ];
  const types = [
    'text',
    'image_url',
    'image',
    'file',
    'document',
    'input_audio',
    'tool_result',
    'message',
  ];
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.jsonValue(),
      fc.constantFrom(...types),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 5 }),
    ),
  }));

  it('never throws, and answers in numbers', () => {
    fc.assert(
      fc.property(url, value, (route, body) => {
        const content = readRequest(route, body);
        expect(Number.isSafeInteger(content.otherTokens)).toBe(true);
        expect(content.otherTokens).toBeGreaterThanOrEqual(0);
        expect(content.texts.every((text) => typeof text === 'string')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('survives bodies nested deeper than the stack', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    const asContent = readRequest(CHAT, { messages: [{ content: deep }] });
    expect(asContent.notes.join()).toContain('nested deeper');
    const asTools = readRequest(CHAT, { messages: [], tools: [deep] });
    expect(asTools.notes.join()).toContain('nested too deep');
  });

  it('says when a body is no object', () => {
    expect(readRequest(CHAT, null).notes.join()).toContain('not a JSON object');
  });
});
