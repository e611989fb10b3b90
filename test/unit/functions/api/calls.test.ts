/** What holds for a call as a whole: its key, its batch, its defaults. */

import { describe, expect, it } from 'vitest';
import { submittedListSchema } from '../../../../shared/contracts/api.ts';
import { HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ITEM = { endpoint: '/v1/chat/completions', body: HELLO };
const KEY = { 'idempotency-key': 'call-1' };

function start() {
  const clock = new FakeClock();
  const api = startApi({ clock });
  const send = async (path: string, init?: RequestInit) => {
    const response = await clock.runUntil(Promise.resolve(api.app.request(path, init)));
    return { response, status: response.status, body: JSON.parse(await response.text()) };
  };
  const listed = async (query = '') => (await send(`/v1/requests?${query}`)).body.data;
  return { ...api, send, listed };
}

const itemsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...ITEM, custom_id: `c${index}` }));

describe('the key of a call with many requests', () => {
  it('names the same requests again, however the call is spelt', async () => {
    const { send, stores } = start();
    const first = await send('/v1/requests', post(itemsOf(3), KEY));
    const again = await send('/v1/requests', {
      method: 'POST',
      headers: { ...KEY, 'content-type': 'application/jsonl' },
      body: itemsOf(3)
        .map((item) => JSON.stringify(item))
        .join('\n'),
    });
    const [one, other] = [first, again].map(({ body }) => submittedListSchema.parse(body));
    expect(other?.data.map(({ id }) => id)).toEqual(one?.data.map(({ id }) => id));
    expect(one).toMatchObject({ accepted: 3, replayed: 0 });
    expect(other).toMatchObject({ accepted: 3, replayed: 3, refused: 0 });
    expect(other?.data.every(({ status }) => status === 'replayed')).toBe(true);
    expect(first.response.headers.get('idempotency-replayed')).toBeNull();
    expect(again.response.headers.get('idempotency-replayed')).toBe('true');
    expect((await stores.requests.counts('default')).queued).toBe(3);
  });

  it.each([
    ['fewer requests', itemsOf(2), ''],
    ['more requests', itemsOf(4), ''],
    ['another order', itemsOf(3).toReversed(), ''],
    [
      'another body',
      [...itemsOf(2), { ...ITEM, custom_id: 'c2', body: { ...HELLO, seed: 1 } }],
      '',
    ],
    ['another name', [...itemsOf(2), { ...ITEM, custom_id: 'x' }], ''],
    ['another batch', itemsOf(3), '?batch=b'],
    ['another window', itemsOf(3), '?completion_window=1h'],
  ])('is refused with %s, and nothing of the call is accepted', async (_, items, query) => {
    const { send, stores } = start();
    await send('/v1/requests', post(itemsOf(3), KEY));
    const { status, body } = await send(`/v1/requests${query}`, post(items, KEY));
    expect([status, body.code]).toEqual([422, 'idempotency_conflict']);
    expect((await stores.requests.counts('default')).queued).toBe(3);
  });

  it('is not that of a single request, nor of another tenant', async () => {
    const { send, stores } = start();
    const [one, other] = [await send('/v1/requests', post(ITEM, KEY)), null];
    const many = await send('/v1/requests', post([ITEM], KEY));
    expect([one.status, many.status, other]).toEqual([202, 202, null]);
    expect(many.body.data[0].id).not.toBe(one.body.id);
    expect((await stores.requests.counts('default')).queued).toBe(2);
  });

  it('accepts one of many sent at once', async () => {
    const { app, stores } = start();
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => app.request('/v1/requests', post(itemsOf(20), KEY))),
    );
    expect(responses.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    const { queued, running } = await stores.requests.counts('default');
    expect(queued + running).toBe(20);
  });
});

describe('what a call says of all its requests', () => {
  it('is their batch, by query or by header', async () => {
    const { send, listed } = start();
    await send('/v1/requests?batch=nightly', post(itemsOf(2)));
    const header = await send('/v1/requests', post(ITEM, { 'penstock-batch': 'nightly' }));
    expect(header.body.batch_id).toBe('nightly');
    await send('/v1/requests', post(ITEM));
    expect(await listed('batch=nightly')).toHaveLength(3);
    const counts = await send('/v1/requests/counts?batch=nightly');
    expect(counts.body).toMatchObject({ batch: 'nightly', total: 3, queued: 3, failed: 0 });
    expect((await send('/v1/requests/counts')).body).toMatchObject({ batch: null, total: 4 });
    expect((await send('/v1/requests/counts?batch=other')).body.total).toBe(0);
  });

  it('holds for those that do not say otherwise', async () => {
    const { send, listed } = start();
    const own = { ...ITEM, lane: 'live', tags: ['own'], completion_window: '1h', custom_id: 'own' };
    const query = 'tags=a,b&completion_window=15m&lane=flex&priority=interactive';
    await send(`/v1/requests?${query}`, post([ITEM, own]));
    const [second, first] = await listed();
    expect(first).toMatchObject({ lane: 'flex', tags: ['a', 'b'], priority: 0 });
    expect(first.deadline_at_ms - first.created_at_ms).toBe(900_000);
    expect(second).toMatchObject({ lane: 'live', tags: ['own'] });
    expect(second.deadline_at_ms - second.created_at_ms).toBe(3_600_000);
  });

  it.each([
    'batch=a%23b',
    'batch=',
    'batch=..%2Fx',
    'tags=,',
    'completion_window=soon',
    'lane=fast',
    'tenant=b',
  ])('is refused as ?%s', async (query) => {
    const { send, stores } = start();
    const { status, body } = await send(`/v1/requests?${query}`, post([ITEM]));
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect((await stores.requests.counts('default')).queued).toBe(0);
  });

  it('must not be said twice and differently', async () => {
    const { send } = start();
    const both = { 'penstock-batch': 'one' };
    expect((await send('/v1/requests?batch=two', post([ITEM], both))).status).toBe(400);
    expect((await send('/v1/requests?batch=one', post([ITEM], both))).status).toBe(202);
  });
});
