/** The deployed stack under test, over HTTP only. `npm run e2e` says where it is. */

import OpenAI from 'openai';
import * as z from 'zod';

const targetSchema = z.object({
  PENSTOCK_API: z.url(),
  PENSTOCK_ADMIN_KEY: z.string().min(1),
  PENSTOCK_SIMULATOR: z.url(),
});

const target = targetSchema.safeParse(process.env);
if (!target.success) {
  throw new Error('These suites need a deployed stack: run npm run e2e, which deploys one.');
}
export const API = target.data.PENSTOCK_API;
const ADMIN_KEY = target.data.PENSTOCK_ADMIN_KEY;
const SIMULATOR = target.data.PENSTOCK_SIMULATOR;

export const MODEL = 'gpt-4o-mini';

const requestSchema = z.object({
  id: z.string(),
  status: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired']),
  attempts: z.int(),
  cost_micro_usd: z.int().nullable(),
  custom_id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  result: z
    .object({ status_code: z.int(), request_id: z.string(), body: z.unknown() })
    .nullable()
    .optional(),
});
export type WireRequest = z.infer<typeof requestSchema>;

const submittedSchema = z.object({
  accepted: z.int(),
  refused: z.int(),
  data: z.array(
    z.object({ index: z.int(), id: z.string().nullable(), status: z.string(), error: z.unknown() }),
  ),
});

const countsSchema = z.object({
  queued: z.int(),
  running: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  expired: z.int(),
});
export type Counts = z.infer<typeof countsSchema>;

const keySchema = z.object({ id: z.string(), key: z.string(), tenant: z.string() });

/** One caller: a tenant's key. */
export class Caller {
  readonly key: string;
  readonly keyId: string;
  readonly tenant: string;

  constructor({ id, key, tenant }: z.infer<typeof keySchema>) {
    this.key = key;
    this.keyId = id;
    this.tenant = tenant;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return call(this.key, path, init);
  }

  async submit(request: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch('/v1/requests', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(request),
    });
  }

  async submitMany(body: string, type: string, headers: Record<string, string> = {}) {
    const response = await this.fetch('/v1/requests', {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body,
    });
    return { status: response.status, ...submittedSchema.parse(await response.json()) };
  }

  /** The request, waiting for its end as often as it takes. */
  async ended(id: string, withinMs = 120_000): Promise<WireRequest> {
    const untilMs = Date.now() + withinMs;
    for (;;) {
      const response = await this.fetch(`/v1/requests/${id}?wait=20`);
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
      const request = requestSchema.parse(await response.json());
      if (!['queued', 'running'].includes(request.status)) return request;
      if (Date.now() > untilMs) throw new Error(`${id} is ${request.status} after ${withinMs} ms`);
    }
  }

  async counts(batch: string): Promise<Counts> {
    const response = await this.fetch(`/v1/requests/counts?batch=${encodeURIComponent(batch)}`);
    return countsSchema.parse(await response.json());
  }

  /** Polls the counts of a batch until nothing of it is open. */
  async drained(batch: string, withinMs: number): Promise<Counts> {
    const untilMs = Date.now() + withinMs;
    for (;;) {
      const counts = await this.counts(batch);
      if (counts.queued + counts.running === 0) return counts;
      if (Date.now() > untilMs) throw new Error(`${batch} is ${JSON.stringify(counts)}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  openai(): OpenAI {
    return new OpenAI({ apiKey: this.key, baseURL: `${API}/v1`, maxRetries: 0 });
  }
}

/** A key for a tenant of the test's own. */
export async function createCaller(
  name: string,
  settings: { readonly tenant?: string; readonly scopes?: readonly string[] } = {},
): Promise<Caller> {
  const tenant = settings.tenant ?? `${name}-${Math.random().toString(36).slice(2, 10)}`;
  const response = await call(ADMIN_KEY, '/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tenant, name, scopes: settings.scopes ?? ['read', 'write'] }),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`No key: ${response.status} ${text}`);
  return new Caller(keySchema.parse(JSON.parse(text)));
}

export function asAdmin(path: string, init: RequestInit = {}): Promise<Response> {
  return call(ADMIN_KEY, path, init);
}

export function call(key: string | null, path: string, init: RequestInit = {}): Promise<Response> {
  const authorization = key === null ? {} : { authorization: `Bearer ${key}` };
  return fetch(`${API}${path}`, { ...init, headers: { ...authorization, ...init.headers } });
}

/** A chat request whose answer carries the id it names. */
export function chat(id: string, changes: Record<string, unknown> = {}) {
  return {
    endpoint: '/v1/chat/completions',
    custom_id: id,
    body: {
      model: MODEL,
      messages: [{ role: 'user', content: `Say hello. [id:${id}]` }],
      max_tokens: 40,
    },
    ...changes,
  };
}

const statsSchema = z.object({
  received: z.int(),
  billed: z.int(),
  duplicates: z.int(),
  avoidableDuplicates: z.int(),
  refused: z.object({ total: z.int() }),
});

/** The provider behind the stack. */
export const provider = {
  async stats() {
    return statsSchema.parse(await (await fetch(`${SIMULATOR}/_stats`)).json());
  },
  async reset(): Promise<void> {
    await fetch(`${SIMULATOR}/_reset`, { method: 'POST' });
  },
  async configure(options: unknown): Promise<void> {
    const response = await fetch(`${SIMULATOR}/_config`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(options),
    });
    if (!response.ok) throw new Error(await response.text());
  },
};
