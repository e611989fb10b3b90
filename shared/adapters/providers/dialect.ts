/** How one family of providers wants to be asked. */

import type { Lane } from '../../domain/lanes/lane.ts';
import type { Endpoint } from '../../domain/requests/request.ts';
import type { ProviderCall } from '../../ports/completion-provider.ts';

export interface Dialect {
  readonly origin: string;
  /** Sent with every call: credentials, versions and what the configuration adds. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Path and query that list the models. */
  readonly modelsPath: string;
  /** Path and query of a route that belongs to no model, such as `/files`. */
  readonly routeOf: (path: string, query?: Readonly<Record<string, string>>) => string;
  /** Lanes the provider has for the endpoint, besides `live`. */
  readonly hasLane: (lane: Lane, endpoint: Endpoint) => boolean;
  /** Path and query of the endpoint; `null` where the provider has no such thing. */
  readonly pathOf: (endpoint: Endpoint, model: string) => string | null;
  /** The JSON text to send. The call's body stays as it is. */
  readonly encode: (call: ProviderCall) => string;
}

/** A route below `base`; what every route of the dialect asks for goes into `always`. */
export function routesBelow(base: string, always: Readonly<Record<string, string>> = {}) {
  return (path: string, query: Readonly<Record<string, string>> = {}): string => {
    const text = new URLSearchParams({ ...always, ...query }).toString();
    return `${base}${path}${text === '' ? '' : `?${text}`}`;
  };
}

/** The caller's body with the provider's name for the model. */
export function encodeBody(call: ProviderCall): string {
  return JSON.stringify({ ...call.body, model: call.model });
}

/** An address as given, taken apart; `path` has no slash at its end. */
export interface BaseUrl {
  readonly origin: string;
  readonly path: string;
}

/** Routes people paste together with the address. */
const ROUTE_AT_END = /\/(?:chat\/completions|responses|embeddings|messages|models)$/;

export function splitBaseUrl(baseUrl: string): BaseUrl {
  const { origin, pathname } = new URL(baseUrl);
  return { origin, path: pathname.replace(/\/+$/, '').replace(ROUTE_AT_END, '') };
}
