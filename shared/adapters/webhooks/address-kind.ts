import ipaddr from 'ipaddr.js';
import type { AddressKind } from '../../domain/webhooks/webhook-target.ts';

/** All that is routed between networks. Source: IANA, IPv6 Global Unicast Address Assignments, read 2026-11-23. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Reserved by no registry, and yet answered by the host itself: Azure's wire server. */
const HOST_ONLY = ['168.63.129.16'];

/**
 * What an IP address is, however it is written. A form that carries another address inside, such
 * as NAT64 or 6to4, is not public: it leads where the inner address does.
 */
export function addressKind(text: string): AddressKind {
  if (!ipaddr.isValid(text)) return 'other';
  // An IPv4 address inside ::ffff:0:0/96 is that IPv4 address.
  const address = ipaddr.process(text);
  const range = address.range();
  if (range === 'loopback') return 'loopback';
  if (range !== 'unicast' || HOST_ONLY.includes(address.toString())) return 'other';
  if (address.kind() === 'ipv6' && !address.match(GLOBAL_UNICAST)) return 'other';
  return 'public';
}
