import { createHash } from 'node:crypto';
import type { WebhookEventType } from './webhook-event.ts';

/** Most endpoints of one tenant. */
export const MOST_ENDPOINTS = 20;

/** How long the secret before the last one still signs. Unit: ms. */
export const ROTATION_MS = 24 * 3_600_000;

/** Why nothing is sent to an endpoint. */
export type DisabledReason =
  /** Its owner said so. */
  | 'requested'
  /** The receiver answered 410. */
  | 'gone';

export interface WebhookSecret {
  /** `whsec_` and 32 bytes in base64. */
  readonly value: string;
  /** Signs until this instant; `null` for the one in use. Unit: ms since the epoch. */
  readonly expiresAtMs: number | null;
}

/** Where a tenant wants to be told of what has ended. */
export interface WebhookEndpoint {
  readonly tenant: string;
  readonly id: string;
  readonly url: string;
  readonly events: readonly WebhookEventType[];
  /** The one in use, then at most one other that is going to expire. */
  readonly secrets: readonly WebhookSecret[];
  readonly disabled: { readonly reason: DisabledReason; readonly atMs: number } | null;
  readonly createdAtMs: number;
  /** Grows with each change. */
  readonly version: number;
}

/** True when the endpoint is to be told of such an event. */
export function wants(endpoint: WebhookEndpoint, type: WebhookEventType): boolean {
  return endpoint.disabled === null && endpoint.events.includes(type);
}

/** The endpoint with a new secret; the last one goes on signing for a day, an older one ends now. */
export function rotateSecret(
  endpoint: WebhookEndpoint,
  value: string,
  nowMs: number,
): WebhookEndpoint {
  const last = endpoint.secrets.find(({ expiresAtMs }) => expiresAtMs === null);
  const kept = last === undefined ? [] : [{ ...last, expiresAtMs: nowMs + ROTATION_MS }];
  return { ...endpoint, secrets: [{ value, expiresAtMs: null }, ...kept] };
}

/** What a message is signed with now: one signature each, the one in use first. */
export function signingSecrets(endpoint: WebhookEndpoint, nowMs: number): string[] {
  return endpoint.secrets
    .filter(({ expiresAtMs }) => expiresAtMs === null || nowMs < expiresAtMs)
    .map(({ value }) => value);
}

/** A secret of 32 bytes made from unguessable text, which must hold at least 256 random bits. */
export function secretFrom(unguessable: string): string {
  return `whsec_${createHash('sha256').update(unguessable).digest('base64')}`;
}
