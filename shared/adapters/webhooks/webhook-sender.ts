/**
 * Posts webhooks to addresses that strangers chose. The socket is opened here, to an address that
 * was checked in this very moment: a resolver that says one thing to a check and another to a
 * connection has nobody left to fool, and an address written out, which no resolver sees, is checked
 * like any other.
 */

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Dispatcher } from 'undici';
// Not the package's index: with it a bundle carries fetch, WebSockets, caches and mocks as well.
import Client from 'undici/lib/dispatcher/client.js';
import type { TryOutcome } from '../../domain/webhooks/webhook-schedule.ts';
import { portOf } from '../../domain/webhooks/webhook-target.ts';
import type { Clock } from '../../ports/clock.ts';
import type { OutgoingWebhook, WebhookSender, WebhookTargets } from '../../ports/webhook-sender.ts';
import {
  CheckedTargets,
  type CheckedTargetsOptions,
  MOST_TRY_MS,
  TargetRefused,
} from './checked-targets.ts';

export interface WebhookSenderOptions extends CheckedTargetsOptions {
  readonly clock: Clock;
  /** Certificates to believe beside the usual ones, for tests. */
  readonly ca?: string;
}

export class HttpWebhookSender implements WebhookSender, WebhookTargets {
  readonly #options: WebhookSenderOptions;
  readonly #targets: CheckedTargets;
  readonly #mostMs: number;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#targets = new CheckedTargets(options);
    this.#mostMs = options.mostMs ?? MOST_TRY_MS;
  }

  check(text: string): Promise<string | null> {
    return this.#targets.check(text);
  }

  async send({ url: text, headers, body }: OutgoingWebhook): Promise<TryOutcome> {
    const verdict = this.#targets.judge(text);
    if (verdict.kind === 'refused') return refused(verdict.reason);
    const { url } = verdict;
    const client = new Client(url.origin, {
      connect: (_options, callback) => {
        this.#connect(url).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(asError(error), null),
        );
      },
      pipelining: 1,
      allowH2: false,
      headersTimeout: this.#mostMs,
      bodyTimeout: this.#mostMs,
    });
    try {
      return await this.#post(client, { path: `${url.pathname}${url.search}`, headers, body });
    } finally {
      // Nobody reads the rest of an answer, and no socket is kept: the next try checks again.
      client.destroy().catch(() => undefined);
    }
  }

  #post(
    client: Client,
    request: Pick<OutgoingWebhook, 'headers' | 'body'> & { readonly path: string },
  ): Promise<TryOutcome> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve(unanswered(`It did not answer within ${this.#mostMs / 1_000} s`)),
        this.#mostMs,
      );
      const end = (outcome: TryOutcome): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const { path, headers, body } = request;
      client.dispatch(
        { method: 'POST', path, headers: { ...headers }, body },
        {
          onRequestStart: () => undefined,
          onResponseStart(_controller, status, answered) {
            if (status < 200) return;
            const retryAfterMs = readRetryAfter(answered['retry-after'], clock.nowMs());
            end({ kind: 'answered', status, retryAfterMs });
          },
          onResponseData: () => undefined,
          onResponseEnd: () => undefined,
          onResponseError: (_controller: Dispatcher.DispatchController, error: Error) =>
            end(error instanceof TargetRefused ? refused(error.message) : unanswered(whyOf(error))),
        },
      );
    });
  }

  async #connect(url: URL): Promise<Socket> {
    const host = await this.#targets.addressOf(url);
    const name = withoutDot(url.hostname);
    const { ca } = this.#options;
    const port = portOf(url);
    const isTls = url.protocol === 'https:';
    const socket = isTls
      ? connectTls({
          host,
          port,
          // The certificate is to be of the name that was asked for, not of the address.
          ...(isIP(host) !== 0 && name === host ? {} : { servername: name }),
          ALPNProtocols: ['http/1.1'],
          ...(ca === undefined ? {} : { ca }),
        })
      : connectTcp({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), this.#mostMs);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => clearTimeout(timer));
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }
}

/** A fully qualified name ends in a dot that certificates leave out; an address has brackets. */
function withoutDot(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function refused(reason: string): TryOutcome {
  return { kind: 'refused', reason: `Its address ${reason}` };
}

function unanswered(reason: string): TryOutcome {
  return { kind: 'unanswered', reason };
}

/** A word of Node's or TLS's for the fault; their sentences may hold addresses of ours. */
function whyOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
  return `It could not be reached (${code})`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Seconds, or an HTTP date. Unit: ms from now; `null` for anything else. */
function readRetryAfter(header: string | string[] | undefined, nowMs: number): number | null {
  const text = Array.isArray(header) ? (header[0] ?? '') : (header ?? '');
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1_000;
  const atMs = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
