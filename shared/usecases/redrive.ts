import { decodeNotice } from '../contracts/queue-message.ts';
import type { DeadLetter, DeadLetterStore, MessageReturn } from '../ports/dead-letters.ts';
import type { RequestQueue } from '../ports/request-queue.ts';

export interface RedriveReport {
  /** Sent back to a queue. */
  readonly moved: number;
  /** Could not be sent, and are still kept. */
  readonly left: number;
}

/**
 * Sends kept messages back to their queues, up to `limit` of them. One that a reader understands
 * by now rings for its slice; another takes its way through the queue, and comes back here when
 * it still is not understood. Sending twice, after a crash in between, does no harm.
 */
export type Redrive = (limit: number) => Promise<RedriveReport>;

export interface RedriveDeps {
  readonly letters: DeadLetterStore;
  readonly queue: RequestQueue;
  readonly messages: MessageReturn;
}

export function createRedrive({ letters, queue, messages }: RedriveDeps): Redrive {
  return async (limit) => {
    const kept = await letters.list(limit);
    const moved = await Promise.allSettled(kept.map(move));
    const count = moved.filter(({ status }) => status === 'fulfilled').length;
    return { moved: count, left: kept.length - count };
  };

  async function move({ id, body }: DeadLetter): Promise<void> {
    const notice = decodeNotice(body);
    if (notice === null) await messages.sendBack(body);
    else if ((await queue.announce([notice])).length > 0) throw new Error(`${id} was not sent`);
    await letters.remove(id);
  }
}
