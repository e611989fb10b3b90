import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { EVENT_SOURCE } from '../../contracts/env-keys.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BusEvent, EventBus } from '../../ports/completion-events.ts';
import type { Random } from '../../ports/random.ts';
import { type CallAws, throttled } from '../aws/call-aws.ts';

const SERVICE = 'EventBridge';
/** Most entries of one call. */
const BATCH_SIZE = 10;
/** Sends of an entry that the service itself did not take. */
const MOST_ROUNDS = 4;
/** Mean wait before the second; doubles with each. Unit: ms. */
const ROUND_DELAY_MS = 50;

export interface EventBridgeBusOptions {
  readonly client: EventBridgeClient;
  readonly callAws: CallAws;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The account's default bus. Source `penstock`, detail-type the event's type, detail the event as
 * endpoints get it, with its tenant beside.
 */
export class EventBridgeBus implements EventBus {
  readonly #options: EventBridgeBusOptions;

  constructor(options: EventBridgeBusOptions) {
    this.#options = options;
  }

  async put(events: readonly BusEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += BATCH_SIZE) {
      await this.#putGroup(events.slice(start, start + BATCH_SIZE).map(entryOf));
    }
  }

  /** A call may take some entries and not others; those alone are sent again. */
  async #putGroup(group: readonly PutEventsRequestEntry[]): Promise<void> {
    const { client, callAws, clock, random } = this.#options;
    let open = group;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      if (round > 0) await clock.sleep(2 ** round * ROUND_DELAY_MS * random.next());
      const put = new PutEventsCommand({ Entries: [...open] });
      const { Entries: results = [] } = await callAws(SERVICE, () => client.send(put));
      open = open.filter((_, index) => results[index]?.EventId === undefined);
      if (open.length === 0) return;
    }
    throw throttled(SERVICE);
  }
}

function entryOf({ tenant, type, body }: BusEvent): PutEventsRequestEntry {
  // The body is JSON of ours and ends in a brace; beside it stands whose event it is.
  const detail = `${body.slice(0, -1)},"tenant":${JSON.stringify(tenant)}}`;
  return { Source: EVENT_SOURCE, DetailType: type, Detail: detail };
}
