import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Every address a host name stands for now; rejects when it stands for none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** Asks as every program of this machine does, hosts file included. */
export const resolveName: ResolveName = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** Every address of a URL's host. One that is an address is its own: no resolver is asked. */
export async function addressesOf(host: string, resolve: ResolveName): Promise<readonly string[]> {
  const bare = withoutBrackets(host);
  return isIP(bare) === 0 ? resolve(bare) : [bare];
}

/** An IPv6 address as a socket takes it. */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
