import {
  judgeAddresses,
  judgeUrl,
  type TargetPolicy,
  type UrlVerdict,
} from '../../domain/webhooks/webhook-target.ts';
import type { WebhookTargets } from '../../ports/webhook-sender.ts';
import { addressKind } from './address-kind.ts';
import { addressesOf, type ResolveName, resolveName } from './resolve-host.ts';

/** For all of a try: name, connection, request and the beginning of the answer. Unit: ms. */
export const MOST_TRY_MS = 15_000;

export interface CheckedTargetsOptions {
  readonly policy: TargetPolicy;
  /** @default asks the machine's resolver */
  readonly resolve?: ResolveName;
  /** Unit: ms. @default 15000 */
  readonly mostMs?: number;
}

/** An address was refused; its message is for the endpoint's owner. */
export class TargetRefused extends Error {
  override readonly name = 'TargetRefused';
}

/** Decides where webhooks may go, by URL and by every address its host stands for. */
export class CheckedTargets implements WebhookTargets {
  readonly #policy: TargetPolicy;
  readonly #resolve: ResolveName;
  readonly #mostMs: number;

  constructor({ policy, resolve = resolveName, mostMs = MOST_TRY_MS }: CheckedTargetsOptions) {
    this.#policy = policy;
    this.#resolve = resolve;
    this.#mostMs = mostMs;
  }

  judge(text: string): UrlVerdict {
    return judgeUrl(text, this.#policy);
  }

  /** One of the host's addresses, all of which may be sent to. @throws {TargetRefused} */
  async addressOf(url: URL): Promise<string> {
    const addresses = await addressesOf(url.hostname, this.#resolve);
    const reason = judgeAddresses(url, addresses.map(addressKind), this.#policy);
    if (reason !== null) throw new TargetRefused(reason);
    return addresses[0] ?? '';
  }

  async check(text: string): Promise<string | null> {
    const verdict = this.judge(text);
    if (verdict.kind === 'refused') return verdict.reason;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('No name server answered')), this.#mostMs);
    });
    try {
      await Promise.race([this.addressOf(verdict.url), tooLate]);
      return null;
    } catch (error) {
      if (error instanceof TargetRefused) return error.message;
      return 'has a host that cannot be found; check its name';
    } finally {
      clearTimeout(timer);
    }
  }
}
