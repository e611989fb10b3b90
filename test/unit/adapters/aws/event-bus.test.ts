import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { describe, expect, it } from 'vitest';
import { createAwsCaller } from '../../../../shared/adapters/aws/call-aws.ts';
import { EventBridgeBus } from '../../../../shared/adapters/eventbridge/event-bus.ts';
import { messageOf } from '../../../../shared/domain/webhooks/webhook-event.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

interface Entry {
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/** A bus that takes an entry when `takes` says so, on its nth time. */
function start(takes: (entry: Entry, time: number) => boolean) {
  const clock = new FakeClock();
  const random = createSeededRandom(7);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new EventBridgeClient({ region: 'eu-west-1', credentials, maxAttempts: 1 });
  const taken: Entry[] = [];
  const times = new Map<string, number>();
  const sizes: number[] = [];
  client.middlewareStack.add(
    () => async (args) => {
      const { Entries } = args.input as unknown as { readonly Entries: readonly Entry[] };
      sizes.push(Entries.length);
      const results = Entries.map((entry) => {
        const time = (times.get(entry.Detail) ?? 0) + 1;
        times.set(entry.Detail, time);
        if (!takes(entry, time)) return { ErrorCode: 'ThrottlingException' };
        taken.push(entry);
        return { EventId: '1' };
      });
      return { output: { $metadata: {}, Entries: results }, response: {} } as never;
    },
    { step: 'build', priority: 'high' },
  );
  const callAws = createAwsCaller({ clock, random });
  const bus = new EventBridgeBus({ client, callAws, clock, random });
  const put = (count: number) =>
    clock.runUntil(
      bus.put(
        Array.from({ length: count }, (_, index) => ({
          tenant: 'a "quoted" one',
          ...messageOf({
            kind: 'batch',
            tenant: 'a',
            batchId: `batch_${index}`,
            state: 'completed',
            endedAtMs: 0,
          }),
        })),
      ),
    );
  return { put, taken, sizes };
}

describe('the bus', () => {
  it('gets each event as endpoints do, with its tenant, ten at a time', async () => {
    const { put, taken, sizes } = start(() => true);
    await put(23);
    expect(sizes).toEqual([10, 10, 3]);
    expect(taken).toHaveLength(23);
    expect(taken[0]).toMatchObject({ Source: 'penstock', DetailType: 'batch.completed' });
    expect(JSON.parse(taken[0]?.Detail ?? '')).toMatchObject({
      object: 'event',
      type: 'batch.completed',
      data: { id: 'batch_0' },
      tenant: 'a "quoted" one',
    });
  });

  it('gets again only what it did not take', async () => {
    const { put, taken, sizes } = start(({ Detail }, time) => time > 1 || !Detail.includes('_3'));
    await put(10);
    expect(sizes).toEqual([10, 1]);
    expect(new Set(taken.map(({ Detail }) => Detail)).size).toBe(10);
    expect(taken).toHaveLength(10);
  });

  it('that takes nothing is told of as such', async () => {
    const { put, sizes } = start(() => false);
    await expect(put(1)).rejects.toMatchObject({ code: 'capacity_exhausted' });
    expect(sizes).toEqual([1, 1, 1, 1]);
  });
});
