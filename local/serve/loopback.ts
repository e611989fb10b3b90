const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/** True for a host name or address only this machine can reach. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.has(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * True when the caller meant this machine. A web page that resolves its own name to a loopback
 * address still sends that name, so checking it keeps pages from spending money here.
 */
export function addressesLoopback(request: Request): boolean {
  const { hostname } = new URL(request.url);
  return isLoopback(hostname);
}
