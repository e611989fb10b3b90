import { describe, expect, it } from 'vitest';
import { asAdmin, call, chat, createCaller } from './deployed.ts';

describe('keys', () => {
  it('are asked for, and a wrong one is refused', async () => {
    for (const key of [null, 'sk-wrong-and-long-enough-0123456789']) {
      const response = await call(key, '/v1/models');
      expect(response.status).toBe(401);
    }
  });

  it('open without one only what anybody may see', async () => {
    const health = await call(null, '/healthz');
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: expect.any(String) });
    expect((await call(null, '/openapi.json')).status).toBe(200);
  });

  it('stop working when revoked', async () => {
    const caller = await createCaller('revoked');
    expect((await caller.fetch('/v1/models')).status).toBe(200);
    const revoked = await asAdmin(`/v1/keys/${caller.keyId}`, { method: 'DELETE' });
    expect(revoked.status).toBe(200);
    const untilMs = Date.now() + 90_000;
    let status = 200;
    while (status === 200 && Date.now() < untilMs) {
      status = (await caller.fetch('/v1/models')).status;
      if (status === 200) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    expect(status).toBe(401);
  });

  it('do what their scopes say and nothing more', async () => {
    const reader = await createCaller('reader', { scopes: ['read'] });
    expect((await reader.fetch('/v1/models')).status).toBe(200);
    expect((await reader.submit(chat('no'))).status).toBe(403);
    expect((await reader.fetch('/v1/keys')).status).toBe(403);
  });
});

describe("another tenant's request", () => {
  it('looks like one that never was, on every route', async () => {
    const owner = await createCaller('owner');
    const stranger = await createCaller('stranger');
    const { id } = (await (await owner.submit(chat('mine'))).json()) as { id: string };
    await owner.ended(id);
    const routes: [method: string, path: (id: string) => string][] = [
      ['GET', (name) => `/v1/requests/${name}`],
      ['DELETE', (name) => `/v1/requests/${name}`],
      ['GET', (name) => `/v1/requests?after=${name}`],
      ['GET', (name) => `/v1/results?after=${name}`],
    ];
    for (const [method, path] of routes) {
      const foreign = await stranger.fetch(path(id), { method });
      const unknown = await stranger.fetch(path('req_AAAAAAAAAAAAAAAAAAAAAAAA'), { method });
      expect(foreign.status).toBe(unknown.status);
      expect(foreign.status).toBeGreaterThanOrEqual(400);
      const words = (text: string) => text.replaceAll(id, 'ID').replaceAll(/req_A{24}/g, 'ID');
      const strip = (text: string) => words(text).replaceAll(/"instance":"[^"]*"/g, '');
      expect(strip(await foreign.text())).toBe(strip(await unknown.text()));
    }
    const list = (await (await stranger.fetch('/v1/requests')).json()) as { data: unknown[] };
    expect(list.data).toEqual([]);
  });
});
