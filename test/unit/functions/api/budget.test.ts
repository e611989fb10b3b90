import { describe, expect, it } from 'vitest';
import { monthOf } from '../../../../shared/domain/cost/budget.ts';
import { modelPrice } from '../../../../shared/domain/cost/pricing.ts';
import { chatModel, HELLO, post, type Script, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ITEM = { endpoint: '/v1/chat/completions', body: HELLO };
const ADMIN = { authorization: 'Bearer the-administrators-key' };
/** 13 prompt tokens at one, and 5 answer tokens at two micro-dollars: 23 for each request. */
const MODEL = chatModel({ price: modelPrice({ input: 1_000_000, output: 2_000_000 }) });
const MOST = 23;

async function start(budget: number | null, script?: Script) {
  const clock = new FakeClock();
  const api = startApi({
    clock,
    models: [MODEL],
    keys: [{ key: 'the-administrators-key', tenant: 'ops' }],
    ...(script === undefined ? {} : { script }),
  });
  const wish = { tenant: 'a', monthly_budget_micro_usd: budget };
  const made = Object(await (await api.app.request('/v1/keys', post(wish, ADMIN))).json());
  const key = { authorization: `Bearer ${made.key}` };
  const submit = async (items: unknown, headers: Record<string, string> = {}) => {
    const sent = post(items, { ...key, ...headers });
    const response = await clock.runUntil(Promise.resolve(api.app.request('/v1/requests', sent)));
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  const state = () => api.stores.budgets.read('a', monthOf(clock.nowMs()));
  return { ...api, clock, key, submit, state };
}

describe('a monthly budget', () => {
  it('is reserved when requests are accepted and settled when they have ended', async () => {
    const { submit, state, worker, app, key } = await start(10 * MOST);
    const { body } = await submit([ITEM, ITEM, { ...ITEM, custom_id: 'held' }]);
    expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 3 * MOST });
    worker.script = (_, { customId }) =>
      customId === 'held' ? 'hold' : { status: 200, bodyJson: '{}' };
    await worker.settled();
    expect(await state()).toEqual({ spentMicroUsd: 84, reservedMicroUsd: MOST });
    const held = body.data[2].id;
    await app.request(`/v1/requests/${held}`, { method: 'DELETE', headers: key });
    expect(await state()).toEqual({ spentMicroUsd: 84, reservedMicroUsd: 0 });
  });

  it('refuses a call that may go beyond it, whole, with the figures and the remedy', async () => {
    const { submit, state, stores } = await start(2 * MOST + 1);
    await submit(ITEM);
    const { status, body } = await submit([ITEM, ITEM]);
    expect([status, body.code]).toEqual([402, 'budget_exceeded']);
    for (const figure of ['$0.000000 is spent', '$0.000023 reserved', '$0.000047', '$0.000046']) {
      expect(body.detail).toContain(figure);
    }
    expect(body.detail).toMatch(/max_tokens.*2023-12-01/);
    expect((await stores.requests.counts('a')).queued).toBe(1);
    expect((await state()).reservedMicroUsd).toBe(MOST);
    expect((await submit(ITEM)).status).toBe(202);
  });

  it('begins anew with the month', async () => {
    const { submit, clock } = await start(MOST);
    expect((await submit(ITEM)).status).toBe(202);
    expect((await submit(ITEM)).status).toBe(402);
    await clock.runUntil(clock.sleep(31 * 86_400_000));
    expect((await submit(ITEM)).status).toBe(202);
  });

  it('is not charged for what was accepted before, and never hides it', async () => {
    const { submit, state } = await start(3 * MOST);
    const call = [{ ...ITEM, custom_id: 'a' }, ITEM];
    const key = { 'idempotency-key': 'call' };
    const first = await submit(call, key);
    const one = await submit({ ...ITEM, id: 'single' });
    expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 3 * MOST });
    // The budget is used up: what is known is still found, what is new is not taken.
    const again = await submit(call, key);
    expect(again.body.data.map(({ id }: { id: string }) => id)).toEqual(
      first.body.data.map(({ id }: { id: string }) => id),
    );
    expect((await submit({ ...ITEM, id: 'single' })).body.id).toBe(one.body.id);
    expect((await submit([{ ...ITEM, id: 'single' }, ITEM])).status).toBe(402);
    expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 3 * MOST });
  });

  it('gives back what a conflict or a replay did not need', async () => {
    const { submit, state } = await start(10 * MOST);
    const item = { ...ITEM, id: 'k' };
    await submit([item, item, { ...item, body: { ...HELLO, seed: 1 } }]);
    expect((await state()).reservedMicroUsd).toBe(MOST);
  });

  it('costs nothing where there is none', async () => {
    const { submit, state, worker } = await start(null, () => ({ status: 200, bodyJson: '{}' }));
    await submit([ITEM, ITEM]);
    await worker.settled();
    expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 0 });
  });

  it('knows after a crash what is still open', async () => {
    const { submit, state, stores } = await start(10 * MOST);
    await submit([ITEM, ITEM]);
    const ask = { tenant: 'a', month: '2023-11', op: 'died', limitMicroUsd: 10 * MOST };
    await stores.budgets.reserve({ ...ask, askedMicroUsd: 5 * MOST });
    stores.budgets.recover();
    expect(await state()).toEqual({ spentMicroUsd: 0, reservedMicroUsd: 2 * MOST });
  });
});
