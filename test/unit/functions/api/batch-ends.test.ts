import { describe, expect, it } from 'vitest';
import { toldWebhookSchema } from '../../../../shared/contracts/api.ts';
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
});
