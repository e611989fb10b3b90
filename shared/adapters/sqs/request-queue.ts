import { createHash } from 'node:crypto';
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { encodeNotice } from '../../contracts/queue-message.ts';
import { PRIORITIES } from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { RequestQueue, SliceNotice } from '../../ports/request-queue.ts';
import type { CallAws } from '../aws/call-aws.ts';

/** Most messages of one call. */
const BATCH_SIZE = 10;
const CALLS_AT_ONCE = 16;
/** Sends of a message that the service itself did not take. */
const MOST_ROUNDS = 4;
/** Mean wait before the second; doubles with each. Unit: ms. */
const ROUND_DELAY_MS = 50;
/** What SQS takes as a group. */
const GROUP = /^[\x21-\x7e]{1,128}$/;

export interface SqsRequestQueueOptions {
  readonly client: SQSClient;
  readonly callAws: CallAws;
  readonly clock: Clock;
  readonly random: Random;
  /** For work somebody waits for. */
  readonly interactiveQueueUrl: string;
  /** For everything else. */
  readonly bulkQueueUrl: string;
  /** Told why a call failed for good, since `announce` only says for whom. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Wakes workers through two queues, so that work somebody waits for never stands behind bulk.
 * Messages are grouped by tenant: SQS then serves a tenant with few of them before one with many.
 */
export class SqsRequestQueue implements RequestQueue {
  readonly #options: SqsRequestQueueOptions;

  constructor(options: SqsRequestQueueOptions) {
    this.#options = options;
  }

  async announce(notices: readonly SliceNotice[]): Promise<readonly SliceNotice[]> {
    const { interactiveQueueUrl, bulkQueueUrl } = this.#options;
    const isInteractive = ({ priority }: SliceNotice) => priority === PRIORITIES.interactive;
    const batches = [
      ...batchesFor(interactiveQueueUrl, notices.filter(isInteractive)),
      ...batchesFor(
        bulkQueueUrl,
        notices.filter((notice) => !isInteractive(notice)),
      ),
    ];
    const unsent: SliceNotice[] = [];
    const queue = batches.values();
    const sendNext = async () => {
      for (const { url, group } of queue) unsent.push(...(await this.#send(url, group)));
    };
    await Promise.all(Array.from({ length: Math.min(CALLS_AT_ONCE, batches.length) }, sendNext));
    return unsent;
  }

  /** Resolves to those that could not be sent. */
  async #send(url: string, group: readonly SliceNotice[]): Promise<SliceNotice[]> {
    const { clock, random } = this.#options;
    const refused: SliceNotice[] = [];
    let open = group;
    for (let round = 0; open.length > 0 && round < MOST_ROUNDS; round += 1) {
      if (round > 0) await clock.sleep(2 ** round * ROUND_DELAY_MS * random.next());
      const left: SliceNotice[] = [];
      try {
        for (const { index, isOurFault } of await this.#sendOnce(url, open)) {
          const notice = open[index];
          if (notice !== undefined) (isOurFault ? refused : left).push(notice);
        }
      } catch (error) {
        // Retried already. Nothing is lost: the sweeper rings again for whatever is left.
        this.#options.onFailure?.(error);
        return [...refused, ...open];
      }
      open = left;
    }
    return [...refused, ...open];
  }

  /** The entries that the service did not take. A call may succeed and take none of them. */
  async #sendOnce(url: string, group: readonly SliceNotice[]) {
    const command = new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: group.map((notice, index) => ({
        Id: String(index),
        MessageBody: encodeNotice(notice),
        MessageGroupId: groupOf(notice.tenant),
      })),
    });
    const answer = await this.#options.callAws('SQS', () => this.#options.client.send(command));
    return (answer.Failed ?? []).map(({ Id: id, SenderFault: isOurFault }) => ({
      index: Number(id),
      isOurFault: isOurFault === true,
    }));
  }
}

function batchesFor(url: string, notices: readonly SliceNotice[]) {
  const batches: { readonly url: string; readonly group: readonly SliceNotice[] }[] = [];
  for (let start = 0; start < notices.length; start += BATCH_SIZE) {
    batches.push({ url, group: notices.slice(start, start + BATCH_SIZE) });
  }
  return batches;
}

function groupOf(tenant: string): string {
  return GROUP.test(tenant) ? tenant : createHash('sha256').update(tenant).digest('hex');
}
