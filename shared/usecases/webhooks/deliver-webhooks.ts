/** One tick of sending: what is due goes out, and what failed is due again later. */

import { METRICS } from '../../contracts/metric-names.ts';
import { signingSecrets, type WebhookEndpoint } from '../../domain/webhooks/webhook-endpoint.ts';
import {
  describeTry,
  judgeTry,
  type TryOutcome,
  waitAfter,
} from '../../domain/webhooks/webhook-schedule.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DeliveryStore, LeasedDelivery, Settlement } from '../../ports/delivery-store.ts';
import type { Random } from '../../ports/random.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { SignWebhook, WebhookSender } from '../../ports/webhook-sender.ts';
import type { WebhookStore } from '../../ports/webhook-store.ts';

export interface DeliverWebhooksDeps {
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  readonly sender: WebhookSender;
  readonly sign: SignWebhook;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

export interface DeliverWebhooksReport {
  readonly delivered: number;
  /** To be tried again. */
  readonly retried: number;
  /** Given up for good. */
  readonly failed: number;
}

/**
 * Sends what is due until nothing is, or a try begun now could not end before `deadlineMs` (unit:
 * ms since the epoch). Ticks may overlap: each delivery is leased by one of them.
 */
export type DeliverWebhooks = (options: {
  readonly deadlineMs: number;
  /** Begins nothing more once it aborts. */
  readonly signal?: AbortSignal;
}) => Promise<DeliverWebhooksReport>;

/** Leased at once, and all on their way at once but for those to the same endpoint. */
const GROUP = 64;
/** To one endpoint at once. */
const ENDPOINT_SHARE = 4;
/** Longest a try takes, with room to settle. Unit: ms. */
const TRY_MS = 17_000;
/** Longer than a whole group takes when every endpoint of it answers at the last moment. Unit: ms. */
const LEASE_MS = (GROUP / ENDPOINT_SHARE) * TRY_MS + 60_000;
/** How much later those are due that wait behind an endpoint which just did not answer. Unit: ms. */
const STANDBY_MS = 60_000;

type Ending = keyof DeliverWebhooksReport | 'stood_by';

interface GroupTerms {
  /** Names the endpoint in `silent`. */
  readonly name: string;
  /** Endpoints that did not answer in this tick. */
  readonly silent: Set<string>;
  readonly lastStartMs: number;
  readonly signal: AbortSignal | undefined;
}

export function createDeliverWebhooks(deps: DeliverWebhooksDeps): DeliverWebhooks {
  const { webhooks, deliveries, clock, telemetry } = deps;

  return async ({ deadlineMs, signal }) => {
    const counts = { delivered: 0, retried: 0, failed: 0, stood_by: 0 };
    // For the whole tick: else one silent endpoint with much to hear would take all of its time.
    const silent = new Set<string>();
    const lastStartMs = deadlineMs - TRY_MS;
    for (;;) {
      const nowMs = clock.nowMs();
      if (nowMs >= lastStartMs || signal?.aborted === true) break;
      const terms = { nowMs, untilMs: nowMs + LEASE_MS, limit: GROUP };
      const leased = await deliveries.lease(terms);
      if (leased.length === 0) break;
      await Promise.all(
        [...byEndpoint(leased).entries()].map(async ([name, group]) => {
          const endings = await deliverAll(group, { name, silent, lastStartMs, signal });
          for (const ending of endings) counts[ending] += 1;
        }),
      );
    }
    const { delivered, retried, failed } = counts;
    if (delivered > 0) telemetry.count(METRICS.webhookDelivered, delivered);
    if (retried + failed > 0) telemetry.count(METRICS.webhookFailed, retried + failed);
    return { delivered, retried, failed };
  };

  /** All to one endpoint, a few at a time; once it does not answer, the rest is left for later. */
  async function deliverAll(
    group: readonly LeasedDelivery[],
    { name, silent, lastStartMs, signal }: GroupTerms,
  ): Promise<Ending[]> {
    const [first] = group;
    if (first === undefined) return [];
    const endpoint = await webhooks.find(first.tenant, first.endpointId);
    const queue = [...group];
    const endings: Ending[] = [];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const isLate = clock.nowMs() >= lastStartMs || signal?.aborted === true;
        if (silent.has(name) || isLate) {
          endings.push(await standBy(next, silent.has(name) ? STANDBY_MS : 0));
          continue;
        }
        const { ending, outcome } = await deliver(next, endpoint);
        if (outcome?.kind === 'unanswered') silent.add(name);
        endings.push(ending);
      }
    };
    await Promise.all(Array.from({ length: ENDPOINT_SHARE }, work));
    return endings;
  }

  async function deliver(
    delivery: LeasedDelivery,
    endpoint: WebhookEndpoint | null,
  ): Promise<{ readonly ending: Ending; readonly outcome: TryOutcome | null }> {
    const { attempts } = delivery;
    if (endpoint === null || endpoint.disabled !== null) {
      const fault = endpoint === null ? 'The endpoint was removed' : 'The endpoint is disabled';
      await end(delivery, { status: 'failed', attempts, fault });
      return { ending: 'failed', outcome: null };
    }
    const outcome = await deps.sender.send(messageTo(endpoint, delivery));
    const tries = attempts + 1;
    const verdict = judgeTry(outcome);
    if (verdict === 'delivered') {
      await end(delivery, { status: 'delivered', attempts: tries, fault: null });
      return { ending: 'delivered', outcome };
    }
    const fault = describeTry(outcome);
    if (verdict === 'gone') {
      // Before the delivery ends: if we die in between, it is tried again and asks again.
      await disable(endpoint);
      await end(delivery, { status: 'failed', attempts: tries, fault });
      return { ending: 'failed', outcome };
    }
    const retryAfterMs = outcome.kind === 'answered' ? outcome.retryAfterMs : null;
    const waitMs = waitAfter(tries, deps.random.next(), retryAfterMs);
    if (waitMs === null) {
      await end(delivery, { status: 'failed', attempts: tries, fault });
      return { ending: 'failed', outcome };
    }
    const dueAtMs = clock.nowMs() + waitMs;
    await deliveries.settle(delivery, { status: 'pending', attempts: tries, dueAtMs, fault });
    return { ending: 'retried', outcome };
  }

  function messageTo(endpoint: WebhookEndpoint, { eventId, body }: LeasedDelivery) {
    const nowMs = clock.nowMs();
    const atSeconds = Math.floor(nowMs / 1_000);
    const secrets = signingSecrets(endpoint, nowMs);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Penstock-Webhooks/1',
      'webhook-id': eventId,
      'webhook-timestamp': String(atSeconds),
      'webhook-signature': deps.sign({ secrets, id: eventId, atSeconds, body }),
    };
    return { url: endpoint.url, headers, body };
  }

  async function end(delivery: LeasedDelivery, ended: Omit<Settlement, 'dueAtMs'>): Promise<void> {
    await deliveries.settle(delivery, { ...ended, dueAtMs: clock.nowMs() });
  }

  async function standBy(delivery: LeasedDelivery, waitMs: number): Promise<Ending> {
    const { attempts, fault } = delivery;
    const dueAtMs = clock.nowMs() + waitMs;
    await deliveries.settle(delivery, { status: 'pending', attempts, dueAtMs, fault });
    return 'stood_by';
  }

  /** A change that came between stands: who changed it knows better, and a next 410 asks again. */
  async function disable(endpoint: WebhookEndpoint): Promise<void> {
    const disabled = { reason: 'gone' as const, atMs: clock.nowMs() };
    await webhooks.replace({ ...endpoint, disabled, version: endpoint.version + 1 });
    telemetry.log('warn', 'A webhook endpoint is gone', { endpoint: endpoint.id });
  }
}

function byEndpoint(leased: readonly LeasedDelivery[]): Map<string, LeasedDelivery[]> {
  const groups = new Map<string, LeasedDelivery[]>();
  for (const delivery of leased) {
    const key = `${delivery.tenant}\n${delivery.endpointId}`;
    groups.set(key, [...(groups.get(key) ?? []), delivery]);
  }
  return groups;
}
