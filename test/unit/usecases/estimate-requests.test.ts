import { describe, expect, it } from 'vitest';
import { loadModelCatalog } from '../../../shared/adapters/catalog/model-catalog.ts';
import { createTiktokenCounter } from '../../../shared/adapters/tiktoken/token-counter.ts';
import { fitCheck } from '../../../shared/domain/sizes/fit-check.ts';
import type { TokenCounter } from '../../../shared/ports/token-counter.ts';
import {
  ASSUMED_OUTPUT_TOKENS,
  createRequestEstimator,
  type EstimateMode,
} from '../../../shared/usecases/estimate-requests.ts';

const CHAT = '/v1/chat/completions';
const catalog = await loadModelCatalog();
const exactCounter = createTiktokenCounter();

/** Counts the texts and characters that were counted exactly. */
function watchedCounter(): TokenCounter & { loads: number; texts: string[] } {
  const watched = {
    loads: 0,
    texts: [] as string[],
    async load(encoding: 'o200k_base' | 'cl100k_base') {
      watched.loads += 1;
      const count = await exactCounter.load(encoding);
      return (text: string) => {
        watched.texts.push(text);
        return count(text);
      };
    },
  };
  return watched;
}

function estimatorOf(mode: EstimateMode, counter: TokenCounter = exactCounter) {
  return createRequestEstimator({ counter, catalog, mode });
}

function chat(user: string, extra: object = {}) {
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content: user }], ...extra };
}

const ENGLISH =
  'The night train left the harbour late, and nobody on the platform seemed to mind. ' +
  'A porter counted suitcases twice, wrote a figure into his book, and went back to his tea. ';
const CODE =
  'export async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {\n' +
  "  const chunks: Uint8Array[] = [];\n  for await (const chunk of stream) chunks.push(chunk);\n  return Buffer.concat(chunks).toString('utf8');\n}\n";
const CJK =
  '我们每天处理大量的请求，每个请求都应该只回答一次。如果提供商没有回答，我们会稍后再试。' +
  'この処理は夜間に実行され、結果は翌朝に確認できます。';

function passages(source: string, howMany: number): string[] {
  return Array.from({ length: howMany }, (_, at) => `${source.slice(at % 40).repeat(6)} ${at}`);
}

describe('exact estimates', () => {
  it('counts chat overhead as the provider does: 3 a message, 3 to prime, the roles', async () => {
    const body = {
      model: 'gpt-4o-mini',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'hello world' },
        { role: 'user', content: 'hello world' },
      ],
    };
    expect(await estimatorOf('exact').estimate(CHAT, body)).toEqual({
      inputTokens: 3 + 2 * (3 + 1 + 2),
      windowTokens: 15,
      maxOutputTokens: 50,
      assumedOutputTokens: 50,
      choices: 1,
      exact: true,
      notes: [],
    });
  });

  it('takes Claude as a stated share of another vocabulary, and is not exact then', async () => {
    const body = { ...chat('hello world'), model: 'claude-sonnet-4-5', max_tokens: 5 };
    const estimate = await estimatorOf('exact').estimate('/v1/messages', body);
    expect(estimate).toMatchObject({ inputTokens: Math.ceil(9 * 1.2), exact: false });
    expect(estimate.notes.join()).toContain('1.2 times o200k_base');
  });

  it('sizes embeddings in total and by the longest text', async () => {
    const body = { model: 'text-embedding-3-small', input: ['hello world', 'hello'] };
    const estimate = await estimatorOf('exact').estimate('/v1/embeddings', body);
    expect(estimate).toMatchObject({
      inputTokens: 3,
      windowTokens: 2,
      maxOutputTokens: 0,
      exact: true,
    });
  });

  it('assumes an answer where no bound is set, says so, and multiplies by choices', async () => {
    const estimate = await estimatorOf('exact').estimate(CHAT, chat('hello world', { n: 2 }));
    expect(estimate.maxOutputTokens).toBeNull();
    expect(estimate.assumedOutputTokens).toBe(2 * ASSUMED_OUTPUT_TOKENS);
    expect(estimate.notes.join()).toContain('No output limit');
  });
});

describe('fast estimates', () => {
  it('load no vocabulary, not even near a limit', async () => {
    const counter = watchedCounter();
    const nearly = chat('word '.repeat(125_000), { max_tokens: 3_000 });
    const estimate = await estimatorOf('fast', counter).estimate(CHAT, nearly);
    expect(counter.loads).toBe(0);
    expect(estimate.exact).toBe(false);
    expect(estimate.notes.join()).toContain('estimated, not counted');
  });

  it.each([
    ['English', ENGLISH],
    ['code', CODE],
    ['Chinese and Japanese', CJK],
  ])('come within a quarter of the count of %s', async (_, source) => {
    for (const text of passages(source, 5)) {
      const rough = await estimatorOf('fast').estimate(CHAT, chat(text));
      const exact = await estimatorOf('exact').estimate(CHAT, chat(text));
      expect(Math.abs(rough.inputTokens / exact.inputTokens - 1)).toBeLessThan(0.25);
    }
  });

  it('size a ten-megabyte line within two seconds', async () => {
    const startedAt = performance.now();
    const body = chat('x'.repeat(10_000_000));
    const { inputTokens } = await estimatorOf('fast').estimate(CHAT, body);
    expect(inputTokens).toBeGreaterThan(1_000_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

describe('auto estimates', () => {
  it.each([
    ['English', ENGLISH],
    ['code', CODE],
    ['Chinese and Japanese', CJK],
  ])(
    'learn from the first texts and come within a twentieth of the count of %s',
    async (_, source) => {
      const auto = estimatorOf('auto');
      const texts = passages(source, 80);
      let rough = 0;
      let exact = 0;
      for (const [at, text] of texts.entries()) {
        const { inputTokens } = await auto.estimate(CHAT, chat(text));
        if (at < 50) continue;
        rough += inputTokens;
        exact += (await estimatorOf('exact').estimate(CHAT, chat(text))).inputTokens;
      }
      expect(Math.abs(rough / exact - 1)).toBeLessThan(0.05);
    },
  );

  it('count a shared text exactly, and stop counting texts seen once', async () => {
    const counter = watchedCounter();
    const auto = estimatorOf('auto', counter);
    const system = ENGLISH.repeat(8);
    const request = (at: number) => ({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: `${ENGLISH.slice(at % 80).repeat(3)} ${at}` },
      ],
    });
    for (let at = 0; at < 200; at += 1) await auto.estimate(CHAT, request(at));
    counter.texts.length = 0;
    await auto.estimate(CHAT, request(1_000));
    expect(counter.texts).toEqual([system]);
  });

  it('count exactly where the window decides, and decide rightly on either side', async () => {
    const auto = estimatorOf('auto');
    const spec = catalog.find('gpt-4o-mini');
    const overhead = 3 + 3 + 1;
    const max_tokens = 1_000;
    const fitting = 128_000 - max_tokens - overhead;
    const fits = await auto.estimate(
      CHAT,
      chat('a'.concat(' a'.repeat(fitting - 1)), { max_tokens }),
    );
    expect(fits).toMatchObject({ inputTokens: 127_000, exact: true });
    expect(fitCheck(spec, fits)).toBeNull();
    const over = await auto.estimate(CHAT, chat('a'.concat(' a'.repeat(fitting)), { max_tokens }));
    expect(fitCheck(spec, over)?.message).toContain('127001 + max output 1000 = 128001');
  });

  it('count exactly near the largest bucket', async () => {
    const text = ENGLISH.repeat(20);
    const exact = await estimatorOf('exact').estimate(CHAT, chat(text));
    const options = { largestBucketTokens: exact.inputTokens };
    expect(await estimatorOf('auto').estimate(CHAT, chat(text), options)).toEqual(exact);
  });

  it('refuse the hopeless without counting it', async () => {
    const counter = watchedCounter();
    const auto = estimatorOf('auto', counter);
    const estimate = await auto.estimate(CHAT, chat('word '.repeat(400_000)));
    expect(fitCheck(catalog.find('gpt-4o-mini'), estimate)).not.toBeNull();
    expect(counter.texts.every((text) => text.length <= 1_000)).toBe(true);
  });

  it('never reject on account of the body', async () => {
    for (const body of [null, 1, 'x', [], { messages: 7 }, { model: {}, input: { a: [] } }]) {
      const estimate = await estimatorOf('auto').estimate('/v1/responses', body);
      expect(Number.isSafeInteger(estimate.inputTokens)).toBe(true);
    }
  });

  it('look the model up by another name when told', async () => {
    const mapped = await loadModelCatalog({ deployment: { sameAs: 'gpt-4' } });
    const estimator = createRequestEstimator({
      counter: exactCounter,
      catalog: mapped,
      mode: 'exact',
    });
    const body = { ...chat('お誕生日おめでとう'), model: 'whatever' };
    const estimate = await estimator.estimate(CHAT, body, { model: 'deployment' });
    expect(estimate.inputTokens).toBe(7 + 9);
  });
});
