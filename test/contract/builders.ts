/** Requests and outcomes for the store contracts, in names no other test uses. */

import { systemRandom } from '../../shared/adapters/system/random.ts';
import { NO_USAGE } from '../../shared/domain/cost/usage.ts';
import type {
  LeasedRequest,
  RequestOutcome,
  RequestSpec,
} from '../../shared/domain/requests/request.ts';
import type { RequestStore, WorkStore } from '../../shared/ports/request-store.ts';

/** 2026-11-24T10:00:00Z. */
export const START_MS = 1_795_514_400_000;

export interface StoresUnderTest {
  readonly requests: RequestStore;
  readonly work: WorkStore;
  close(): Promise<void>;
}

/** Opens stores; they may share a table with other tests, since every test has its own names. */
export type MakeStores = () => Promise<StoresUnderTest>;

/** A tenant and a model of a test's own, and builders that use them. */
export class Scope {
  readonly tenant = systemRandom.id('tenant_');
  readonly model = systemRandom.id('model_');
  readonly stores: StoresUnderTest;
  private accepted = 0;

  constructor(stores: StoresUnderTest) {
    this.stores = stores;
  }

  spec(overrides: Partial<RequestSpec> = {}): RequestSpec {
    this.accepted += 1;
    const id = overrides.id ?? systemRandom.id('req_');
    return {
      id,
      tenant: this.tenant,
      customId: `line-${this.accepted}`,
      batchId: null,
      model: this.model,
      endpoint: '/v1/chat/completions',
      lane: null,
      priority: 5,
      tags: [],
      fingerprint: `digest of ${id}`,
      body: { segment: 'input', offset: this.accepted * 100, length: 99 },
      inputTokens: 120,
      maxOutputTokens: 50,
      prefixKey: null,
      groupOrder: 0,
      createdAtMs: START_MS,
      deadlineAtMs: null,
      ...overrides,
    };
  }

  /** Accepts requests built from these overrides, in this order. */
  async accept(...overrides: Partial<RequestSpec>[]): Promise<RequestSpec[]> {
    const specs = overrides.map((override) => this.spec(override));
    await this.stores.requests.accept(specs);
    return specs;
  }

  lease(owner: string, nowMs: number, limit = 100, expiresAtMs = nowMs + 60_000) {
    return this.stores.work.lease({ model: this.model, owner, nowMs, expiresAtMs, limit });
  }

  /** Leases exactly one request. */
  async leaseOne(owner: string, nowMs: number): Promise<LeasedRequest> {
    const leased = await this.lease(owner, nowMs, 1);
    const [request] = leased;
    if (!request) throw new Error('There was nothing to lease.');
    return request;
  }

  async statusOf(id: string): Promise<string | undefined> {
    return (await this.stores.requests.get(this.tenant, id))?.status;
  }
}

export function outcomeOf(
  { id, tenant }: Pick<RequestSpec, 'id' | 'tenant'>,
  overrides: Partial<RequestOutcome> = {},
): RequestOutcome {
  return {
    id,
    tenant,
    status: 'succeeded',
    statusCode: 200,
    errorCode: null,
    lane: 'live',
    provider: 'openai',
    usage: { ...NO_USAGE, inputTokens: 100, cachedInputTokens: 20, outputTokens: 30 },
    costMicroUsd: 45,
    attempts: 1,
    firstAttemptAtMs: START_MS + 10,
    finishedAtMs: START_MS + 900,
    result: { segment: 'results-000001.jsonl', offset: 0, length: 300 },
    ...overrides,
  };
}
