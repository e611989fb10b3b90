import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, type RunningCli, type World } from './harness.ts';

let world: World;
afterEach(() => world.close());

const CHAT = {
  model: 'gpt-4o-mini',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Say hello.' }],
};

/** Starts the server on a free port; resolves once it listens. */
async function listening(running: RunningCli): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    running.child.stdout?.on('data', (piece: string) => {
      text += piece;
      const [url] = /http:\/\/\S+?:\d+/.exec(text) ?? [];
      if (url !== undefined) resolve(url);
    });
    running.ended.then(({ stderr }) => reject(new Error(stderr)));
  });
}

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe('penstock serve', () => {
  it('answers at once, keeps what it took in, and stops with care', async () => {
    world = await createWorld();
    const running = world.start(['serve', '--port', '0']);
    const url = await listening(running);
    const answer = await post(`${url}/v1/chat/completions`, CHAT);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ object: 'chat.completion' });

    const submission = { id: 'key-1', url: '/v1/chat/completions', body: CHAT };
    const accepted = await post(`${url}/v1/requests`, submission);
    expect(accepted.status).toBe(202);
    const { id } = (await accepted.json()) as { id: string };
    const done = await fetch(`${url}/v1/requests/${id}?wait=20`);
    expect(await done.json()).toMatchObject({ id, status: 'succeeded' });

    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);

    const again = world.start(['serve', '--port', '0']);
    const secondUrl = await listening(again);
    const kept = await fetch(`${secondUrl}/v1/requests/${id}`);
    expect(await kept.json()).toMatchObject({ id, status: 'succeeded' });
    expect(world.simulator.stats()).toMatchObject({ served: 2 });
  });

  it('finishes what was accepted before a kill', async () => {
    world = await createWorld({ latency: { minMs: 30_000, maxMs: 30_001 } });
    const running = world.start(['serve', '--port', '0']);
    const url = await listening(running);
    const accepted = await post(`${url}/v1/requests`, {
      url: '/v1/chat/completions',
      body: CHAT,
    });
    const { id } = (await accepted.json()) as { id: string };
    running.child.kill('SIGKILL');
    await running.ended;
    world.simulator.configure({ latency: { minMs: 1, maxMs: 2 } });
    const secondUrl = await listening(world.start(['serve', '--port', '0']));
    const done = await fetch(`${secondUrl}/v1/requests/${id}?wait=20`);
    expect(await done.json()).toMatchObject({ status: 'succeeded' });
  });

  it('lets others in only with a key', async () => {
    world = await createWorld();
    const open = await world.run(['serve', '--port', '0', '--host', '0.0.0.0']);
    expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining('server.apiKeys') });
    const key = 'team-a-key-0123456789';
    const config = world.read('penstock.yaml');
    world.write(
      'penstock.yaml',
      `${config}\nserver: { apiKeys: [{ key: "\${TEAM_KEY}", tenant: team-a }] }\n`,
    );
    const url = await listening(world.start(['serve', '--port', '0'], { TEAM_KEY: key }));
    expect((await fetch(`${url}/v1/requests`)).status).toBe(401);
    const known = await fetch(`${url}/v1/requests`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(known.status).toBe(200);
  });

  it('answers to the names of this machine only, where it has no keys', async () => {
    world = await createWorld();
    const url = await listening(world.start(['serve', '--port', '0']));
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      request(`${url}/v1/models`, { headers: { host: 'evil.example' } }, (response) => {
        resolve(response.statusCode);
        response.resume();
      }).end();
    });
    expect(status).toBe(403);
  });

  it('says when the port is taken, or the state is another’s', async () => {
    world = await createWorld();
    const url = await listening(world.start(['serve', '--port', '0']));
    const taken = await world.run(['serve', '--port', new URL(url).port, '--state', 'other']);
    expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining('--port') });
    const locked = await world.run(['serve', '--port', '0']);
    expect(locked).toMatchObject({ code: 2, stderr: expect.stringContaining('in use by process') });
  });
});
