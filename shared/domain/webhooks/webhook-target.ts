/** Where webhooks may go: never to what only we can reach. Kept pure; sockets are the adapter's. */

/** What may be sent to. */
export interface TargetPolicy {
  /** TCP ports. */
  readonly ports: readonly number[];
  /** Whether loopback may be sent to, over http too and to any port: for one machine and tests. */
  readonly allowsLoopback: boolean;
}

export const DEFAULT_TARGET_POLICY: TargetPolicy = { ports: [443], allowsLoopback: false };

/**
 * What an address is: reachable by everybody, this machine itself, or anything else, such as a
 * private network, a provider's metadata service, or a form that hides another address.
 */
export type AddressKind = 'public' | 'loopback' | 'other';

export type UrlVerdict =
  | { readonly kind: 'allowed'; readonly url: URL }
  | { readonly kind: 'refused'; readonly reason: string };

const LONGEST_URL = 2_048;

/** Judges all of an endpoint's URL that does not need its name resolved. */
export function judgeUrl(text: string, policy: TargetPolicy): UrlVerdict {
  const refused = (reason: string): UrlVerdict => ({ kind: 'refused', reason });
  if (text.length > LONGEST_URL) return refused(`must have at most ${LONGEST_URL} characters`);
  // The URL parser leaves out tabs and line ends, and so hides what a person would see.
  if (/[\s\p{Cc}\\]/u.test(text)) return refused('must not hold spaces, line ends or backslashes');
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) {
    return refused('must be an address such as https://example.com/webhooks');
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || /^https?:\/\/[^/?#]*@/i.test(text)) {
    return refused('must not hold a user or password; messages are signed instead');
  }
  if (url.hash !== '') return refused('must not have a part after #');
  if (url.protocol === 'http:' && !policy.allowsLoopback)
    return refused('must begin with https://');
  if (policy.allowsLoopback || policy.ports.includes(portOf(url))) return { kind: 'allowed', url };
  return refused(`must use port ${policy.ports.join(' or ')}`);
}

/**
 * Judges every address a host stands for, or is: one that may not be sent to refuses them all,
 * since a resolver may give any of them next. `null` when all may be.
 */
export function judgeAddresses(
  url: URL,
  kinds: readonly AddressKind[],
  policy: TargetPolicy,
): string | null {
  if (kinds.length === 0) return 'has a host that stands for no address';
  const isLoopback = kinds.every((kind) => kind === 'loopback');
  if (isLoopback && policy.allowsLoopback) return null;
  if (!kinds.every((kind) => kind === 'public')) {
    return 'must lead to a public address; private, local and reserved ones are not sent to';
  }
  if (url.protocol !== 'https:') return 'must begin with https://';
  return policy.ports.includes(portOf(url)) ? null : `must use port ${policy.ports.join(' or ')}`;
}

/** The port of an http(s) URL. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
