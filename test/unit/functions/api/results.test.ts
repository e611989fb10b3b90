import { describe, expect, it } from 'vitest';
import { MAX_RESULT_PAGE_BYTES } from '../../../../shared/contracts/limits.ts';
import { HELLO, post, type Script, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const KEYS = [
  { key: 'key-of-a-0123456789', tenant: 'a' },
  { key: 'key-of-b-0123456789', tenant: 'b' },
];
const [A, B] = KEYS.map(({ key }) => ({ authorization: `Bearer ${key}` }));

const items = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, index) => ({
    endpoint: '/v1/chat/completions',
    custom_id: `c${index}`,
    body: HELLO,
    ...more,
  }));

async function start(script: Script, count: number) {
  const api = startApi({ clock: new FakeClock(), keys: KEYS, script });
  await api.app.request('/v1/requests?batch=night', post(items(count), A));
  await api.worker.settled();
  const page = async (query = '', headers = A) => {
    const response = await api.app.request(`/v1/results?${query}`, { headers: headers ?? {} });
    const text = await response.text();
    const lines = text.split('\n').filter((line) => line !== '');
    return { response, text, lines, next: response.headers.get('penstock-next') };
  };
  return { ...api, page };
}

const idOf = (line: string): string => JSON.parse(line).custom_id;
const answer = (content: string) => ({ status: 200, bodyJson: JSON.stringify({ content }) });

describe('GET /v1/results', () => {
  it('gives the lines of a batch, page by page, each once', async () => {
    const { page } = await start(() => answer('hello'), 5);
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const { lines, next, response } = await page(`batch=night&limit=2${after}`);
      expect(response.headers.get('content-type')).toBe('application/jsonl');
      seen.push(...lines.map(idOf));
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(seen).toEqual(['c4', 'c3', 'c2', 'c1', 'c0']);
  });

  it('are lines as penstock run writes them', async () => {
    const { page } = await start(() => answer('hello'), 1);
    const { text } = await page();
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toMatchObject({
      custom_id: 'c0',
      response: { status_code: 200, body: { content: 'hello' } },
      error: null,
      x_penstock: { status: 'succeeded', cost_micro_usd: 42 },
    });
  });

  it('passes over what has not ended, and goes on behind it', async () => {
    const { page } = await start(
      (_, { customId }) => (customId === 'c3' ? 'hold' : answer('x')),
      5,
    );
    const first = await page('limit=2');
    expect(first.lines.map(idOf)).toEqual(['c4']);
    const second = await page(`limit=2&after=${first.next}`);
    expect(second.lines.map(idOf)).toEqual(['c2', 'c1']);
    expect((await page('status=queued')).lines).toEqual([]);
    expect((await page('status=succeeded')).lines).toHaveLength(4);
  });

  it('ends a page where it would be too large, but never before its first line', async () => {
    const third = 'x'.repeat(Math.floor(MAX_RESULT_PAGE_BYTES / 3));
    const { page } = await start(
      (_, { customId }) => answer(customId === 'c0' ? third.repeat(4) : third),
      4,
    );
    const first = await page();
    expect(first.lines.map(idOf)).toEqual(['c3', 'c2']);
    expect(first.text.length).toBeLessThanOrEqual(MAX_RESULT_PAGE_BYTES);
    const second = await page(`after=${first.next}`);
    expect(second.lines.map(idOf)).toEqual(['c1']);
    const third4 = await page(`after=${second.next}`);
    expect([third4.lines.map(idOf), third4.next]).toEqual([['c0'], null]);
  });

  it('shows a foreign tenant nothing', async () => {
    const { page } = await start(() => answer('secret'), 3);
    const own = await page('limit=1');
    for (const query of ['', 'batch=night', 'status=succeeded']) {
      expect(await page(query, B)).toMatchObject({ text: '', next: null });
    }
    const borrowed = await page(`after=${own.next}`, B);
    expect([borrowed.response.status, borrowed.text.includes('secret')]).toEqual([400, false]);
  });

  it.each(['limit=0', 'limit=1001', 'status=done', 'after=req_x', 'page=1'])(
    'refuses ?%s',
    async (query) => {
      const { page } = await start(() => 'hold', 1);
      expect((await page(query)).response.status).toBe(400);
    },
  );
});
