import { describe, expect, it } from 'vitest';
import { createdKeySchema, keyListSchema } from '../../../../shared/contracts/api.ts';
import { HELLO, post, startApi } from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const ADMIN_KEY = 'the-administrators-key';
const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` };
const ITEM = { endpoint: '/v1/chat/completions', body: HELLO };

function start() {
  const clock = new FakeClock();
  const keys = [
    { key: ADMIN_KEY, tenant: 'ops' },
    { key: 'a-writer-of-team-b', tenant: 'b', scopes: ['read', 'write'] as const },
  ];
  const api = startApi({ clock, keys });
  const send = async (path: string, init: RequestInit = { headers: ADMIN }) => {
    const response = await api.app.request(path, init);
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  const create = async (wish: object) =>
    createdKeySchema.parse((await send('/v1/keys', post(wish, ADMIN))).body);
  const revoke = (id: string) => send(`/v1/keys/${id}`, { method: 'DELETE', headers: ADMIN });
  return { ...api, clock, send, create, revoke };
}

const bearing = (key: string) => ({ authorization: `Bearer ${key}` });

describe('API keys', () => {
  it('are shown once, and let their tenant in and nobody else', async () => {
    const { create, send, app } = start();
    const one = await create({ tenant: 'a', name: 'Ann' });
    const other = await create({ tenant: 'c' });
    expect(one).toMatchObject({ tenant: 'a', scopes: ['read', 'write'] });
    expect(one.key).toMatch(/^pk_[a-z0-9]{48}$/);
    const submitted = await app.request('/v1/requests', post(ITEM, bearing(one.key)));
    const { id } = Object(await submitted.json());
    const path = `/v1/requests/${id}`;
    expect((await send(path, { headers: bearing(one.key) })).status).toBe(200);
    expect((await send(path, { headers: bearing(other.key) })).status).toBe(404);
    const { body } = await send('/v1/keys');
    expect(keyListSchema.parse(body).data.map(({ id: keyId }) => keyId)).toEqual([
      other.id,
      one.id,
    ]);
    expect(JSON.stringify(body)).not.toContain(one.key);
  });

  it('end when they are revoked, once', async () => {
    const { create, revoke, send, clock } = start();
    const { id, key } = await create({ tenant: 'a' });
    const first = await revoke(id);
    expect(first).toMatchObject({ status: 200, body: { id, revoked_at_ms: clock.nowMs() } });
    await clock.runUntil(clock.sleep(5_000));
    expect((await revoke(id)).body).toEqual(first.body);
    expect((await send('/v1/requests', { headers: bearing(key) })).status).toBe(401);
    expect((await revoke('key_nobody')).status).toBe(404);
  });

  it('do no more than their scopes allow', async () => {
    const { create, send } = start();
    const reader = await create({ tenant: 'a', scopes: ['read'] });
    const headers = bearing(reader.key);
    expect((await send('/v1/requests', { headers })).status).toBe(200);
    expect((await send('/v1/requests', post(ITEM, headers))).status).toBe(403);
    for (const init of [{ headers: bearing('a-writer-of-team-b') }, { headers }]) {
      expect((await send('/v1/keys', init)).status).toBe(403);
      expect((await send('/v1/keys/x', { ...init, method: 'DELETE' })).status).toBe(403);
    }
  });

  it.each([
    [{}, '/tenant'],
    [{ tenant: 'a#b' }, '/tenant'],
    [{ tenant: '' }, '/tenant'],
    [{ tenant: 'a', scopes: [] }, '/scopes'],
    [{ tenant: 'a', scopes: ['root'] }, '/scopes/0'],
    [{ tenant: 'a', weight: 2 }, '/weight'],
    [{ tenant: 'a', monthly_budget_micro_usd: -1 }, '/monthly_budget_micro_usd'],
    [{ tenant: 'a', id: 'mine' }, '/id'],
    [{ tenant: 'a', name: 'a\u0000b' }, '/name'],
  ])('are refused as %j', async (wish, pointer) => {
    const { send } = start();
    const { status, body } = await send('/v1/keys', post(wish, ADMIN));
    expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
  });
});
