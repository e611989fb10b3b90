import { describe, expect, it } from 'vitest';
import { toldWebhookSchema } from '../../../../shared/contracts/api.ts';
import { DEFAULT_TENANT } from '../../../../shared/domain/api-key.ts';
import type { BatchRef } from '../../../../shared/ports/batch-store.ts';
import type { CompletionEvents } from '../../../../shared/ports/completion-events.ts';
import {
  type ApiSetUp,
  CHAT_ANSWER,
  HELLO,
  post,
  startApi,
} from '../../../support/api-under-test.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { addressesIn, MemoryContents } from '../../../support/memory-contents.ts';

const SECOND_MS = 1_000;

const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      custom_id: `row-ü-${index}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: HELLO,
    }),
  ).join('\n');

function start(setUp: Partial<ApiSetUp> = {}) {
  const clock = new FakeClock();
  const script = () => ({ status: 200, bodyJson: CHAT_ANSWER });
  const api = startApi({ clock, script, ...setUp });
  const call = async (path: string, init?: RequestInit) =>
    JSON.parse(await (await api.app.request(path, init)).text());
  const create = async (text: string, wish: object = {}): Promise<BatchRef> => {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new File([text], 'in.jsonl'));
    const sent = new Response(form);
    const headers = { 'content-type': sent.headers.get('content-type') ?? '' };
    const body = await sent.arrayBuffer();
    const { id: input_file_id } = await call('/v1/files', { method: 'POST', headers, body });
    const window = { endpoint: '/v1/chat/completions', completion_window: '24h' };
    const { id } = await call('/v1/batches', post({ input_file_id, ...window, ...wish }));
    const refs = await api.stores.batches.open();
    return refs.find((ref) => ref.id === id) ?? { tenant: 'none', id };
  };
  const advance = (ref: BatchRef) =>
    clock.runUntil(api.advanceBatch(ref, { deadlineMs: clock.nowMs() + 60 * SECOND_MS }));
  /** Every step with no time at all; how many it took. */
  const inSteps = async (ref: BatchRef): Promise<number> => {
    for (let steps = 1; steps < 100; steps += 1) {
      const outcome = await api.advanceBatch(ref, { deadlineMs: clock.nowMs() });
      if (outcome === 'ended') return steps;
      expect(outcome).toBe('unfinished');
    }
    return Number.POSITIVE_INFINITY;
  };
  const batchOf = ({ id }: BatchRef) => call(`/v1/batches/${id}`);
  const sizeOf = async (id: string): Promise<[said: number, read: number]> => {
    const content = await api.app.request(`/v1/files/${id}/content`);
    return [(await call(`/v1/files/${id}`)).bytes, (await content.arrayBuffer()).byteLength];
  };
  const listen = async () =>
    toldWebhookSchema.parse(await call('/v1/webhooks', post({ url: 'https://example.com/' })));
  const toldTo = async ({ id }: { id: string }) =>
    (await call(`/v1/webhooks/${id}/deliveries`)).data.map(({ type }: { type: string }) => type);
  return { ...api, clock, call, create, advance, inSteps, batchOf, sizeOf, listen, toldTo };
}

describe('the end of a batch', () => {
  it.each([
    ['completed', lines(2), async () => {}],
    ['failed', 'nonsense', async () => {}],
    [
      'cancelled',
      lines(2),
      async ({ call }: ReturnType<typeof start>, { id }: BatchRef) =>
        call(`/v1/batches/${id}/cancel`, post({})),
    ],
  ])('is told once: %s', async (state, text, act) => {
    const world = start();
    const endpoint = await world.listen();
    const ref = await world.create(text);
    await act(world, ref);
    await world.settleBatches();
    await world.settleBatches();
    expect((await world.batchOf(ref)).status).toBe(state);
    const told = await world.toldTo(endpoint);
    expect(told).toEqual([`batch.${state}`]);
    expect(await world.stores.batches.open()).toEqual([]);
  });

  it('is told of message batches, and of what expired', async () => {
    const world = start({ script: () => 'hold' });
    const endpoint = await world.listen();
    const params = { model: 'claude-x', max_tokens: 8, messages: [] };
    const requests = [{ custom_id: 'a', params }];
    const { id } = await world.call('/v1/messages/batches', post({ requests }));
    await world.settleBatches();
    expect(await world.toldTo(endpoint)).toEqual([]);
    await world.clock.runUntil(world.clock.sleep(24 * 3_600_000 + 61 * SECOND_MS));
    await world.settleBatches();
    expect((await world.call(`/v1/messages/batches/${id}`)).processing_status).toBe('ended');
    expect(await world.toldTo(endpoint)).toEqual(['batch.expired']);
  });

  it.each(['before', 'after'])(
    'is told again by who goes on after a crash %s it was told',
    async (moment) => {
      let crashes = 2;
      const completions = (real: CompletionEvents): CompletionEvents => ({
        async publish(events) {
          if (moment === 'after') await real.publish(events);
          if (crashes > 0) {
            crashes -= 1;
            throw new Error('killed');
          }
          if (moment === 'before') await real.publish(events);
        },
      });
      const world = start({ completions });
      const endpoint = await world.listen();
      const ref = await world.create(lines(3));
      await world.advance(ref);
      await world.worker.settled();
      for (const _ of [1, 2]) {
        await expect(world.advance(ref)).rejects.toThrow('killed');
        expect((await world.batchOf(ref)).status).toBe('completed');
        expect(await world.stores.batches.open()).toEqual([ref]);
      }
      expect(await world.advance(ref)).toBe('ended');
      expect(await world.stores.batches.open()).toEqual([]);
      expect(await world.toldTo(endpoint)).toHaveLength(1);
      const { output_file_id: output } = await world.batchOf(ref);
      const [said, read] = await world.sizeOf(output);
      expect(said).toBe(read);
      expect((await world.call(`/v1/files/${output}`)).expires_at).toBeGreaterThan(0);
    },
  );

  it('is summed up a step at a time where the time ends, to the same sums', async () => {
    const world = start({
      script: (_, { customId }) =>
        customId?.endsWith('7')
          ? { code: 'provider_rejected', message: 'No' }
          : { status: 200, bodyJson: CHAT_ANSWER },
    });
    const skip = { x_penstock: { bad_lines: 'skip' } };
    const text = `${lines(3_500)}\nnonsense\n`;
    const refs = [await world.create(text, skip), await world.create(text, skip)] as const;
    const [whole, stepped] = refs;
    for (const ref of refs) await world.advance(ref);
    await world.worker.settled();
    await world.advance(whole);
    expect(await world.inSteps(stepped)).toBe(4);
    const [one, other] = [await world.batchOf(whole), await world.batchOf(stepped)];
    expect(other.request_counts).toEqual({ total: 3_501, completed: 3_150, failed: 351 });
    expect([other.usage, other.x_penstock]).toEqual([one.usage, one.x_penstock]);
    for (const id of [other.output_file_id, other.error_file_id]) {
      const [said, read] = await world.sizeOf(id);
      expect(said).toBe(read);
    }
  });

  it('comes a step at a time for a batch that is cancelled or expires', async () => {
    const world = start({ script: () => 'hold' });
    const cancelled = await world.create(lines(1_700));
    const expired = await world.create(lines(1_700), { completion_window: '1h' });
    for (const ref of [cancelled, expired]) await world.advance(ref);
    await world.call(`/v1/batches/${cancelled.id}/cancel`, post({}));
    expect(await world.inSteps(cancelled)).toBe(5);
    await world.clock.runUntil(world.clock.sleep(3_600_000 + 61 * SECOND_MS));
    expect(await world.inSteps(expired)).toBe(5);
    for (const ref of [cancelled, expired]) {
      const { error_file_id: errors } = await world.batchOf(ref);
      const [said, read] = await world.sizeOf(errors);
      expect(said).toBe(read);
    }
  });

  it('comes for one whose input is deleted while it is read: what had begun is kept, the rest told', async () => {
    const world = start();
    const endpoint = await world.listen();
    const ref = await world.create(lines(2_500));
    // Time enough to check all of it, and to make requests of a first chunk.
    const step = world.advanceBatch(ref, { deadlineMs: world.clock.nowMs() + 1 });
    expect(await world.clock.runUntil(step)).toBe('unfinished');
    await world.worker.settled();
    const { input_file_id: input } = await world.batchOf(ref);
    await world.call(`/v1/files/${input}`, { method: 'DELETE' });
    await world.settleBatches();
    const batch = await world.batchOf(ref);
    expect(batch.status).toBe('failed');
    expect(batch.errors.data).toMatchObject([{ code: 'input_file_deleted', line: null }]);
    expect(batch.errors.data[0].message).toContain('1000 of 2500 lines');
    expect(batch.request_counts).toEqual({ total: 1_000, completed: 1_000, failed: 0 });
    const [said, read] = await world.sizeOf(batch.output_file_id);
    expect([said, read > 0]).toEqual([read, true]);
    expect(await world.toldTo(endpoint)).toEqual(['batch.failed']);
  });

  it('answers each line once that was cancelled just after a reader had died', async () => {
    const world = start({ script: () => 'hold' });
    const ref = await world.create(lines(1_500));
    const { batches } = world.stores;
    const update = batches.update.bind(batches);
    // The first chunk is made requests of, and nobody lives to note it.
    batches.update = async (record) => {
      if (record.progress.phase === 'accepting' && record.progress.number > 1) {
        throw new Error('killed');
      }
      return update(record);
    };
    await expect(world.advance(ref)).rejects.toThrow('killed');
    batches.update = update;
    await world.call(`/v1/batches/${ref.id}/cancel`, post({}));
    expect(await world.advance(ref)).toBe('ended');
    const batch = await world.batchOf(ref);
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 1_500 } });
    const { counts } = batch.x_penstock;
    expect(counts.cancelled + counts.refused).toBe(1_500);
    const errors = await world.app.request(`/v1/files/${batch.error_file_id}/content`);
    const names = (await errors.text())
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row).custom_id);
    expect([names.length, new Set(names).size]).toEqual([1_500, 1_500]);
  });

  it('says of an answer that cannot be read any more that it cannot', async () => {
    const world = start({ script: () => ({ status: 200, bodyJson: '{"type":"message"}' }) });
    const params = { model: 'claude-x', max_tokens: 8, messages: [] };
    const requests = ['a', 'b'].map((custom_id) => ({ custom_id, params }));
    const { id } = await world.call('/v1/messages/batches', post({ requests }));
    await world.settleBatches();
    const { items } = await world.stores.requests.published({
      tenant: DEFAULT_TENANT,
      batchId: id,
      after: null,
      limit: 9,
    });
    const cut = items.find(({ customId }) => customId === 'a')?.outcome?.result;
    world.segments.lines[cut?.offset ?? 0] = Buffer.from('{"id":');
    const response = await world.app.request(`/v1/messages/batches/${id}/results`);
    const rows = (await response.text())
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row));
    expect(rows).toMatchObject([
      { custom_id: 'a', result: { type: 'errored', error: { error: { type: 'api_error' } } } },
      { custom_id: 'b', result: { type: 'succeeded' } },
    ]);
  });

  it.each([
    ['is kept where callers fetch it, before they are told', false],
    ['holds no end up where it cannot be kept', true],
  ])('with output too large to be rendered while somebody waits %s', async (_, isFull) => {
    const contents = new MemoryContents();
    const real = addressesIn(contents);
    const told: string[][] = [];
    const world = start({
      contents,
      addresses: isFull
        ? { ...real, store: () => Promise.reject(new Error('storage is full')) }
        : real,
      script: () => ({ status: 200, bodyJson: JSON.stringify({ text: 'x'.repeat(8_000) }) }),
      completions: (publish) => ({
        async publish(events) {
          told.push([...contents.blobs.keys()].filter((blob) => /-(whole|results)$/.test(blob)));
          await publish.publish(events);
        },
      }),
    });
    const ref = await world.create(lines(600));
    const params = { model: 'claude-x', max_tokens: 8, messages: [] };
    const requests = Array.from({ length: 501 }, (__, at) => ({ custom_id: `r-${at}`, params }));
    const { id } = await world.call('/v1/messages/batches', post({ requests }));
    const messages = { ...ref, id };
    for (const one of [ref, messages]) await world.advance(one);
    await world.worker.settled();
    for (const one of [ref, messages]) expect(await world.advance(one)).toBe('ended');
    const { output_file_id: output } = await world.batchOf(ref);
    const kept = [`${ref.tenant}/${output}-whole`, `${ref.tenant}/${id}-results`];
    expect(told).toEqual(isFull ? [[], []] : [kept.slice(0, 1), kept]);
    if (isFull) return;
    const answer = await world.app.request(`/v1/files/${output}/content`);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      307,
      `https://store.example/${output}-whole`,
    ]);
    const rows = Buffer.from(contents.blobs.get(kept[0] ?? '') ?? []).toString();
    expect(rows.trimEnd().split('\n')).toHaveLength(600);
  });
});
