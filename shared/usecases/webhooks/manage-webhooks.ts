import { fieldError } from '../../contracts/problem.ts';
import { AppError } from '../../domain/errors.ts';
import {
  MOST_ENDPOINTS,
  rotateSecret,
  secretFrom,
  type WebhookEndpoint,
} from '../../domain/webhooks/webhook-endpoint.ts';
import type { WebhookEventType } from '../../domain/webhooks/webhook-event.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DeliveryStore, DeliveryView } from '../../ports/delivery-store.ts';
import type { Random } from '../../ports/random.ts';
import type { WebhookTargets } from '../../ports/webhook-sender.ts';
import type { WebhookStore } from '../../ports/webhook-store.ts';

/** What a tenant decides about an endpoint. */
export interface WebhookWish {
  readonly url: string;
  readonly events: readonly WebhookEventType[];
}

/** A change; what is left out stays. */
export interface WebhookChange {
  readonly url?: string | undefined;
  readonly events?: readonly WebhookEventType[] | undefined;
  /** False starts an endpoint again that was disabled, by whatever. */
  readonly disabled?: boolean | undefined;
}

/** An endpoint with its newest secret, which is told here and never again. */
export interface ToldSecret {
  readonly endpoint: WebhookEndpoint;
  readonly secret: string;
}

/** All of it is of one tenant. @throws {AppError} `not_found` for an id that is not its own. */
export interface ManageWebhooks {
  /** @throws {AppError} `invalid_request` for a URL that may not be sent to, or one endpoint too many. */
  create(tenant: string, wish: WebhookWish): Promise<ToldSecret>;
  list(tenant: string): Promise<WebhookEndpoint[]>;
  find(tenant: string, id: string): Promise<WebhookEndpoint>;
  /** @throws {AppError} `invalid_request` for a URL that may not be sent to. */
  change(tenant: string, id: string, change: WebhookChange): Promise<WebhookEndpoint>;
  /** Makes a new secret; the last one goes on signing for a day. */
  rotate(tenant: string, id: string): Promise<ToldSecret>;
  /** Forgets an endpoint; what is on its way to it ends. */
  remove(tenant: string, id: string): Promise<void>;
  /** What was sent last, and what became of it. */
  deliveries(tenant: string, id: string, limit: number): Promise<DeliveryView[]>;
}

export interface ManageWebhooksDeps {
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  readonly targets: WebhookTargets;
  readonly clock: Clock;
  /** Must be unguessable here, as the system's is. */
  readonly random: Random;
}

/** How often a change that met another is made anew. */
const MOST_ROUNDS = 5;

export function createManageWebhooks(deps: ManageWebhooksDeps): ManageWebhooks {
  const { webhooks, deliveries, targets, clock, random } = deps;
  return {
    async create(tenant, { url, events }) {
      await refuseTarget(url);
      if ((await webhooks.list(tenant)).length >= MOST_ENDPOINTS) {
        const message = `There are ${MOST_ENDPOINTS} endpoints, which is the most. Remove one first: DELETE /v1/webhooks/{id}`;
        throw new AppError('invalid_request', message);
      }
      const secret = makeSecret();
      const endpoint: WebhookEndpoint = {
        tenant,
        id: random.id('whk_'),
        url,
        events: [...new Set(events)],
        secrets: [{ value: secret, expiresAtMs: null }],
        disabled: null,
        createdAtMs: clock.nowMs(),
        version: 1,
      };
      await webhooks.create(endpoint);
      return { endpoint, secret };
    },
    list: (tenant) => webhooks.list(tenant),
    find,
    async change(tenant, id, { url, events, disabled }) {
      await find(tenant, id);
      if (url !== undefined) await refuseTarget(url);
      return revise(tenant, id, (endpoint) => ({
        ...endpoint,
        ...(url === undefined ? {} : { url }),
        ...(events === undefined ? {} : { events: [...new Set(events)] }),
        ...(disabled === undefined ? {} : { disabled: disabledBy(endpoint, disabled) }),
      }));
    },
    async rotate(tenant, id) {
      const secret = makeSecret();
      const endpoint = await revise(tenant, id, (found) =>
        rotateSecret(found, secret, clock.nowMs()),
      );
      return { endpoint, secret };
    },
    async remove(tenant, id) {
      if (!(await webhooks.remove(tenant, id))) throw unknownEndpoint(id);
    },
    async deliveries(tenant, id, limit) {
      await find(tenant, id);
      return deliveries.list(tenant, id, limit);
    },
  };

  async function find(tenant: string, id: string): Promise<WebhookEndpoint> {
    const endpoint = await webhooks.find(tenant, id);
    if (endpoint === null) throw unknownEndpoint(id);
    return endpoint;
  }

  async function revise(
    tenant: string,
    id: string,
    change: (endpoint: WebhookEndpoint) => WebhookEndpoint,
  ): Promise<WebhookEndpoint> {
    for (let round = 1; round <= MOST_ROUNDS; round += 1) {
      const found = await find(tenant, id);
      const changed = { ...change(found), version: found.version + 1 };
      if (await webhooks.replace(changed)) return changed;
    }
    throw new AppError('capacity_exhausted', 'Others change this endpoint. Try again', {
      details: { retryAfterMs: 1_000 },
    });
  }

  async function refuseTarget(url: string): Promise<void> {
    const reason = await targets.check(url);
    if (reason !== null) throw fieldError('invalid_request', '/url', reason);
  }

  function disabledBy(endpoint: WebhookEndpoint, isWished: boolean): WebhookEndpoint['disabled'] {
    if (!isWished) return null;
    return endpoint.disabled ?? { reason: 'requested', atMs: clock.nowMs() };
  }

  /** Three ids of at least 120 random bits each. */
  function makeSecret(): string {
    return secretFrom(`${random.id('')}${random.id('')}${random.id('')}`);
  }
}

function unknownEndpoint(id: string): AppError {
  const shown = JSON.stringify(id.slice(0, 80));
  return new AppError('not_found', `No endpoint has the id ${shown}. GET /v1/webhooks lists yours`);
}
