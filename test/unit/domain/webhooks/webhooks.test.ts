import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ROTATION_MS,
  rotateSecret,
  secretFrom,
  signingSecrets,
  type WebhookEndpoint,
  wants,
} from '../../../../shared/domain/webhooks/webhook-endpoint.ts';
import {
  type CompletionEvent,
  messageOf,
} from '../../../../shared/domain/webhooks/webhook-event.ts';
import {
  judgeTry,
  MOST_TRIES,
  waitAfter,
} from '../../../../shared/domain/webhooks/webhook-schedule.ts';

const HOUR = 3_600_000;
const ENDPOINT: WebhookEndpoint = {
  tenant: 'a',
  id: 'whk_1',
  url: 'https://example.com/',
  events: ['batch.completed'],
  secrets: [{ value: 'one', expiresAtMs: null }],
  disabled: null,
  createdAtMs: 0,
  version: 1,
};
const BATCH: CompletionEvent = {
  kind: 'batch',
  tenant: 'a',
  batchId: 'batch_1',
  state: 'completed',
  endedAtMs: 1_700_000_000_999,
};

describe('an event', () => {
  it("has OpenAI's shape", () => {
    const { id, type, body } = messageOf(BATCH);
    expect(JSON.parse(body)).toEqual({
      id,
      object: 'event',
      created_at: 1_700_000_000,
      type: 'batch.completed',
      data: { id: 'batch_1' },
    });
    expect(type).toBe('batch.completed');
    expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
  });

  it('is the same for the same end, and another for any other', () => {
    const id = (overrides: Partial<Extract<CompletionEvent, { kind: 'batch' }>>) =>
      messageOf({ ...BATCH, ...overrides }).id;
    expect(id({ endedAtMs: 1 })).toBe(id({}));
    const others = [{ tenant: 'b' }, { batchId: 'batch_2' }, { state: 'failed' as const }];
    expect(new Set([{}, ...others].map(id)).size).toBe(4);
  });

  it('stays below 20 kB, whatever custom_id a request has', () => {
    const { body } = messageOf({
      kind: 'request',
      tenant: 'a',
      requestId: 'r'.repeat(255),
      customId: '\u{1f600}'.repeat(256),
      status: 'expired',
      endedAtMs: 0,
    });
    expect(Buffer.byteLength(body)).toBeLessThan(20_000);
  });
});

describe('the schedule', () => {
  it('gives a receiver ten tries over some three days', () => {
    expect(MOST_TRIES).toBe(10);
    const total = (random: number) => {
      let sumMs = 0;
      for (let tries = 1; tries < MOST_TRIES; tries += 1)
        sumMs += waitAfter(tries, random, null) ?? 0;
      return sumMs / HOUR;
    };
    expect(total(0.5)).toBeCloseTo(75.6, 1);
    expect(total(0.999)).toBeLessThan(152);
    expect(waitAfter(MOST_TRIES, 0.5, null)).toBeNull();
  });

  it('waits at least as long as it was asked, up to a day, and never less than a second', () => {
    const tries = fc.integer({ min: 1, max: MOST_TRIES - 1 });
    const random = fc.double({ min: 0, max: 0.999_999, noNaN: true });
    fc.assert(
      fc.property(tries, random, fc.integer({ min: 0, max: 24 * HOUR }), (count, drawn, asked) => {
        const waitMs = waitAfter(count, drawn, asked) ?? 0;
        expect(waitMs).toBeGreaterThanOrEqual(Math.max(asked, 1_000));
        expect(waitMs).toBeLessThanOrEqual(48 * HOUR);
        expect(Number.isInteger(waitMs)).toBe(true);
      }),
    );
    expect(waitAfter(1, 0, 400 * HOUR)).toBe(24 * HOUR);
  });

  it('takes 2xx for delivered, 410 for gone, and all else, redirects too, for failed', () => {
    const judge = (status: number) => judgeTry({ kind: 'answered', status, retryAfterMs: null });
    expect([200, 202, 204, 299].map(judge)).toEqual(Array(4).fill('delivered'));
    expect(judge(410)).toBe('gone');
    expect([301, 302, 307, 308, 400, 404, 429, 500, 503].map(judge)).toEqual(
      Array(9).fill('failed'),
    );
    expect(judgeTry({ kind: 'unanswered', reason: '' })).toBe('failed');
  });
});

describe('a secret', () => {
  it('goes on signing for a day after it was replaced, with the new one in front', () => {
    const rotated = rotateSecret(ENDPOINT, 'two', 1_000);
    expect(signingSecrets(rotated, 1_000 + ROTATION_MS - 1)).toEqual(['two', 'one']);
    expect(signingSecrets(rotated, 1_000 + ROTATION_MS)).toEqual(['two']);
    expect(ROTATION_MS).toBe(24 * HOUR);
  });

  it('is never one of more than two', () => {
    const twice = rotateSecret(rotateSecret(ENDPOINT, 'two', 0), 'three', 1);
    expect(signingSecrets(twice, 2)).toEqual(['three', 'two']);
  });

  it('holds 32 bytes', () => {
    const secret = secretFrom('something unguessable');
    expect(Buffer.from(secret.replace('whsec_', ''), 'base64')).toHaveLength(32);
  });
});

it('an endpoint is told of what it asked for, while it is not disabled', () => {
  expect(wants(ENDPOINT, 'batch.completed')).toBe(true);
  expect(wants(ENDPOINT, 'request.completed')).toBe(false);
  const disabled = { reason: 'gone', atMs: 0 } as const;
  expect(wants({ ...ENDPOINT, disabled }, 'batch.completed')).toBe(false);
});
