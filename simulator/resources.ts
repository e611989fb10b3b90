import type { Dialect, FlatHeaders, Problem } from './call.ts';

/** What a client may do to files and batches; the names by which fault rules choose. */
export type Operation =
  | `files.${'create' | 'list' | 'retrieve' | 'delete' | 'content'}`
  | `uploads.${'create' | 'part' | 'complete' | 'cancel'}`
  | `batches.${'create' | 'list' | 'retrieve' | 'cancel' | 'delete' | 'results'}`;

export interface ResourceRequest {
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly body: Buffer;
  /** Scheme and host as the client wrote them, for absolute URLs in answers. */
  readonly origin: string;
}

export interface ResourceReply {
  /** @default application/json */
  readonly contentType?: string;
  readonly headers?: FlatHeaders;
  readonly body: string | Buffer;
}

/** A route that keeps things instead of running a model. */
export interface ResourceRoute {
  readonly operation: Operation;
  readonly dialect: Dialect;
  /** Larger bodies are answered with `tooLarge`. */
  readonly maxBytes: number;
  readonly tooLarge: Problem;
  /** What a request must carry to be heard at all: a query parameter or a header. */
  readonly precondition?: 'api-version' | 'anthropic-version';
  handle(request: ResourceRequest): ResourceReply | Problem | Promise<ResourceReply | Problem>;
}

/** A reply of status 200 with this object. */
export function json(value: object, headers: FlatHeaders = []): ResourceReply {
  return { headers, body: JSON.stringify(value) };
}

/** One page of `items`, of which those after the cursor are wanted; undefined when the cursor is unknown. */
export function pageAfter<Item extends { readonly id: string }>(
  items: readonly Item[],
  cursor: string | null,
  limit: number,
): { readonly page: readonly Item[]; readonly hasMore: boolean } | undefined {
  const at = cursor === null ? -1 : items.findIndex(({ id }) => id === cursor);
  if (cursor !== null && at === -1) return undefined;
  const page = items.slice(at + 1, at + 1 + limit);
  return { page, hasMore: at + 1 + page.length < items.length };
}

/** The `limit` of a query; undefined when it is no whole number from 1 to `most`. */
export function readLimit(query: URLSearchParams, most: number, usual: number): number | undefined {
  const given = query.get('limit');
  if (given === null) return usual;
  const limit = Number(given);
  return Number.isInteger(limit) && limit >= 1 && limit <= most ? limit : undefined;
}
