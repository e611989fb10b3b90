import type { BatchDesk } from './batches/desk.ts';
import type { FlatHeaders, Problem } from './call.ts';
import type { SimulatorClock } from './clock.ts';
import { FAULT_PHASES, type FaultRule } from './faults.ts';
import { DEFAULT_HANG_MS } from './job.ts';
import type { Settings } from './options.ts';
import type { FindResource } from './resource-router.ts';
import type { ResourceReply, ResourceRoute } from './resources.ts';

/** How long the client waits to hear again from a limit that a fault invents. Unit: ms. */
const FAULT_RETRY_MS = 1_000;

/**
 * A `fetch` that reaches files and batches without a socket, so that a client may run on a virtual
 * clock: nothing waits for the operating system. Routes that run a model are not served here.
 */
export function createInProcessFetch(
  find: FindResource,
  desk: BatchDesk,
  clock: SimulatorClock,
  settings: () => Settings,
): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { pathname, searchParams, origin } = new URL(request.url);
    const route = find(request.method, pathname);
    if (route === undefined) return new Response('no such route in process', { status: 404 });
    const body = Buffer.from(await request.arrayBuffer());
    const answer = (outcome: ResourceReply | Problem): Response =>
      respond(route, outcome, desk.nextId(), settings());
    if (body.length > route.maxBytes) return answer(route.tooLarge);
    const fault = desk.drawFault(route.operation);
    if (fault?.kind === 'reset_before') throw reset();
    if (fault !== undefined && FAULT_PHASES[fault.kind] !== 'spoil') {
      return answer(problemOf(fault, route));
    }
    const contentType = request.headers.get('content-type') ?? undefined;
    const outcome = await route.handle({ query: searchParams, contentType, body, origin });
    if (fault?.kind === 'reset_after') throw reset();
    if (fault?.kind === 'hang') await clock.sleep(fault.durationMs ?? DEFAULT_HANG_MS);
    return answer('body' in outcome ? spoil(outcome, fault) : outcome);
  };
}

/** What fetch rejects with when the other side cuts the connection. */
function reset(): TypeError {
  const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  return new TypeError('fetch failed', { cause });
}

function problemOf({ kind, durationMs }: FaultRule, { dialect }: ResourceRoute): Problem {
  const waits = kind === 'http429' || kind === 'slow_down' || kind === 'slow_down_503';
  const problem = dialect.fault(kind, '');
  return waits ? { ...problem, retryAfterMs: durationMs ?? FAULT_RETRY_MS } : problem;
}

/** A body that breaks off or is no JSON; there is no connection here that could be cut in between. */
function spoil(reply: ResourceReply, fault: FaultRule | undefined): ResourceReply {
  const { body } = reply;
  switch (fault?.kind) {
    case 'empty':
      return { ...reply, body: '' };
    case 'truncated':
    case 'malformed_json':
      return { ...reply, body: body.slice(0, Math.floor(body.length / 2)) };
    default:
      return reply;
  }
}

function respond(
  { dialect }: ResourceRoute,
  outcome: ResourceReply | Problem,
  requestId: string,
  settings: Settings,
): Response {
  const common = dialect.headers(requestId, settings, 0);
  if ('body' in outcome) {
    const { body, contentType = 'application/json', headers = [] } = outcome;
    const content = typeof body === 'string' ? body : new Uint8Array(body);
    const all = pairs([...common, 'content-type', contentType, ...headers]);
    return new Response(content, { headers: all });
  }
  const { status, retryAfterMs } = outcome;
  const retry = retryAfterMs === undefined ? [] : dialect.retryHeaders(retryAfterMs);
  const headers = pairs([...common, 'content-type', 'application/json', ...retry]);
  return new Response(dialect.renderProblem(outcome, requestId), { status, headers });
}

function pairs(flat: FlatHeaders): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [
    flat[at * 2] ?? '',
    flat[at * 2 + 1] ?? '',
  ]);
}
