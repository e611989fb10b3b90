import { beforeAll, expect, it } from 'vitest';
import { type Caller, chat, createCaller, provider } from './deployed.ts';

let caller: Caller;
beforeAll(async () => {
  await provider.configure({ faults: [], latency: { minMs: 20, maxMs: 60 } });
  caller = await createCaller('idempotency');
});

const keyed = (key: string) => ({ 'idempotency-key': key });

it('accepts a key once, also when ten callers send it at the same time', async () => {
  await provider.reset();
  const responses = await Promise.all(
    Array.from({ length: 10 }, () => caller.submit(chat('same'), keyed('k-concurrent'))),
  );
  expect(new Set(responses.map(({ status }) => status)).size).toBeGreaterThan(0);
  const ids = await Promise.all(
    responses.map(async (response) => {
      expect([200, 202]).toContain(response.status);
      return ((await response.json()) as { id: string }).id;
    }),
  );
  expect(new Set(ids).size).toBe(1);
  const request = await caller.ended(ids[0] ?? '');
  expect(request.status).toBe('succeeded');
  expect((await provider.stats()).billed).toBe(1);

  const replay = await caller.submit(chat('same'), keyed('k-concurrent'));
  expect(replay.status).toBe(200);
  expect(replay.headers.get('idempotency-replayed')).toBe('true');
  expect(((await replay.json()) as { result: unknown }).result).toEqual(request.result);
  expect((await provider.stats()).billed).toBe(1);
});

it('refuses another body under the same key', async () => {
  expect((await caller.submit(chat('first'), keyed('k-other'))).status).toBe(202);
  const other = await caller.submit(chat('second'), keyed('k-other'));
  expect(other.status).toBe(422);
  expect(await other.json()).toMatchObject({ code: 'idempotency_conflict' });
});

it('takes a whole call again without running it again, and refuses another under its key', async () => {
  await provider.reset();
  const batch = `call-${Date.now()}`;
  const lines = Array.from({ length: 300 }, (_, index) => JSON.stringify(chat(`c-${index}`)));
  const headers = { ...keyed('k-call'), 'penstock-batch': batch };
  const first = await caller.submitMany(lines.join('\n'), 'application/jsonl', headers);
  const again = await caller.submitMany(lines.join('\n'), 'application/jsonl', headers);
  expect(first.accepted).toBe(300);
  expect(again.data.map(({ id }) => id)).toEqual(first.data.map(({ id }) => id));
  expect(again.data.every(({ status }) => status === 'replayed')).toBe(true);
  await caller.drained(batch, 120_000);
  expect((await provider.stats()).billed).toBe(300);

  const other = await caller.fetch('/v1/requests', {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl', ...headers },
    body: `${lines.join('\n')}\n${JSON.stringify(chat('one-more'))}`,
  });
  expect(other.status).toBe(422);
  expect((await provider.stats()).billed).toBe(300);
});

it('keeps keys of lines apart from each other and from their order', async () => {
  await provider.reset();
  const batch = `keys-${Date.now()}`;
  const keys = Array.from({ length: 40 }, (_, index) =>
    chat(`k-${index}`, { id: `line-${index}` }),
  );
  const send = (items: unknown[]) =>
    caller.submitMany(JSON.stringify(items), 'application/json', { 'penstock-batch': batch });
  const first = await send(keys);
  const again = await send(keys.toReversed());
  expect(again.data.map(({ id }) => id).toReversed()).toEqual(first.data.map(({ id }) => id));
  await caller.drained(batch, 120_000);
  expect((await provider.stats()).billed).toBe(40);
});
