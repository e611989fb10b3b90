/** What every route shares: who calls, how it is declared, and the shape of its errors. */

import type { Context, Hono } from 'hono';
import type { Principal, Scope } from '../../shared/domain/api-key.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { Authenticate } from './authenticate.ts';
import type { RouteConfig } from './openapi-document.ts';

/** What is known of a call before any route sees it. */
export interface ApiEnv {
  readonly Variables: {
    /** Names the call in logs and answers. */
    readonly callId: string;
  };
}

/** One authenticated HTTP call. */
export interface ApiCall {
  readonly context: Context<ApiEnv>;
  /** Who calls; on a route open to everybody, nobody: its tenant is empty. */
  readonly principal: Principal;
  /** The principal's. */
  readonly tenant: string;
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal;
}

const NOBODY: Principal = { tenant: '', scopes: [], monthlyBudgetMicroUsd: null };

/** Whose wire format a route answers its errors in. */
export type ErrorShape = 'problem' | 'openai' | 'anthropic';

export interface ApiRoute {
  /** Its documentation, which is also where method and path come from. */
  readonly config: RouteConfig;
  /** What the key must allow; `null` for a route open to everybody. */
  readonly scope: Scope | null;
  readonly handle: (call: ApiCall) => Promise<Response>;
}

/** A call's id under the names by which OpenAI's and Anthropic's SDKs show it. */
export function idHeaders(id: string): Record<string, string> {
  return { 'x-request-id': id, 'request-id': id };
}

/** The shape of errors on a path, known or not: what stands in for a vendor speaks its language. */
export function errorShapeOf(path: string): ErrorShape {
  if (/^\/v1\/messages(\/|$)/.test(path)) return 'anthropic';
  const isVendors =
    /^\/v1\/(?!requests|results|limits|usage|keys|redrive|webhooks|provider-webhooks)/.test(path);
  return isVendors ? 'openai' : 'problem';
}

/** A method the path does not have. */
export class MethodNotAllowed extends Error {
  override readonly name = 'MethodNotAllowed';
  readonly allowed: string;

  constructor(allowed: string) {
    super(`The method is not one of this path. Use ${allowed}`);
    this.allowed = allowed;
  }
}

/** Longer is no id of ours, and a store may take no longer key. Unit: characters. */
const MOST_ID_CHARACTERS = 256;

/** Serves the routes; another method on their paths is refused by name. */
export function mountRoutes(
  app: Hono<ApiEnv>,
  routes: readonly ApiRoute[],
  authenticate: Authenticate,
): void {
  const methodsOf = new Map<string, string[]>();
  for (const { config, scope, handle } of routes) {
    const path = config.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const method = config.method.toUpperCase();
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), method]);
    app.on(method, path, async (context) => {
      const principal = scope === null ? NOBODY : await authorize(context, scope);
      const { tenant } = principal;
      refuseLongIds(context);
      return handle({ context, principal, tenant, signal: context.req.raw.signal });
    });
  }
  for (const [path, methods] of methodsOf) {
    app.all(path, () => {
      throw new MethodNotAllowed(methods.join(', '));
    });
  }

  async function authorize(context: Context<ApiEnv>, scope: Scope): Promise<Principal> {
    const principal = await authenticate(context.req.raw, context.env);
    if (principal.scopes.includes(scope)) return principal;
    throw new AppError('forbidden', `The API key lacks the scope "${scope}"`);
  }
}

function refuseLongIds({ req }: Context<ApiEnv>): void {
  const ids: readonly string[] = Object.values(req.param());
  if (ids.every(({ length }) => length <= MOST_ID_CHARACTERS)) return;
  throw new AppError('not_found', `No id here has more than ${MOST_ID_CHARACTERS} characters`);
}
