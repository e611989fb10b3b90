import { describe, expect, it } from 'vitest';
import { encodeNotice } from '../../../shared/contracts/queue-message.ts';
import type { DeadLetter } from '../../../shared/ports/dead-letters.ts';
import type { SliceNotice } from '../../../shared/ports/request-queue.ts';
import { createRecordDeadLetters } from '../../../shared/usecases/record-dead-letters.ts';
import { createRedrive } from '../../../shared/usecases/redrive.ts';

const NOTICE: SliceNotice = { tenant: 't', slice: 'req_a.0', model: 'm', priority: 9 };

function letter(id: string, body: string): DeadLetter {
  return { id, body, receives: 6, sentAtMs: 1, recordedAtMs: 2 };
}

function start({ isStoreDown = false, unsendable = '' } = {}) {
  const kept = new Map<string, DeadLetter>();
  const counted: string[] = [];
  const logged: unknown[] = [];
  const announced: SliceNotice[] = [];
  const returned: string[] = [];
  const letters = {
    keep: async (one: DeadLetter) => {
      if (isStoreDown) throw new Error('down');
      kept.set(one.id, one);
    },
    list: async (limit: number) => [...kept.values()].slice(0, limit),
    remove: async (id: string) => {
      kept.delete(id);
    },
  };
  return {
    kept,
    counted,
    logged,
    announced,
    returned,
    record: createRecordDeadLetters({
      letters,
      telemetry: {
        count: (metric) => counted.push(metric),
        log: (_, message, fields) => logged.push(message, fields),
      },
    }),
    redrive: createRedrive({
      letters,
      queue: {
        announce: async (notices) => {
          announced.push(...notices);
          return [];
        },
      },
      messages: {
        sendBack: async (body) => {
          if (body === unsendable) throw new Error('refused');
          returned.push(body);
        },
      },
    }),
  };
}

describe('recording dead letters', () => {
  it('keeps what is no notice, and says of it only how large it is', async () => {
    const { record, kept, logged, counted } = start();
    expect(await record([letter('m1', 'a secret prompt')])).toEqual([]);
    expect(kept.get('m1')?.body).toBe('a secret prompt');
    expect(JSON.stringify(logged)).toContain('"bytes":15');
    expect(JSON.stringify(logged)).not.toContain('secret');
    expect(counted).toEqual(['DeadLetter', 'PoisonMessage']);
  });

  it('leaves a notice to the ledger, which knows its slice', async () => {
    const { record, kept, logged } = start();
    expect(await record([letter('m1', encodeNotice(NOTICE))])).toEqual([]);
    expect(kept.size).toBe(0);
    expect(JSON.stringify(logged)).toContain('req_a.0');
  });

  it('leaves in the queue what it cannot keep', async () => {
    const { record } = start({ isStoreDown: true });
    expect(await record([letter('m1', 'x'), letter('m2', encodeNotice(NOTICE))])).toEqual(['m1']);
  });
});

describe('redriving', () => {
  it('sends back what is kept, and rings for what is understood by now', async () => {
    const { record, redrive, returned, announced, kept } = start();
    await record([letter('m1', 'x')]);
    kept.set('m2', letter('m2', encodeNotice(NOTICE)));
    expect(await redrive(100)).toEqual({ moved: 2, left: 0 });
    expect(returned).toEqual(['x']);
    expect(announced).toEqual([NOTICE]);
    expect(kept.size).toBe(0);
  });

  it('keeps what cannot be sent, and moves no more than it is told to', async () => {
    const { redrive, kept } = start({ unsendable: 'x' });
    for (const id of ['m1', 'm2', 'm3']) kept.set(id, letter(id, id === 'm1' ? 'x' : 'y'));
    expect(await redrive(2)).toEqual({ moved: 1, left: 1 });
    expect([...kept.keys()]).toEqual(['m1', 'm3']);
  });
});
