import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseRef } from '../../../shared/ports/request-store.ts';
import { type MakeStores, outcomeOf, Scope, START_MS } from '../builders.ts';

const REQUESTS = 4;
const LEASE_MS = 100;

interface ModelRequest {
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired';
  fence: number;
  /** May be leased from here on. */
  dueAtMs: number;
  publications: number;
}

interface Model {
  nowMs: number;
  readonly requests: Map<string, ModelRequest>;
  /** Every lease ever granted; most become stale. */
  readonly grants: LeaseRef[];
}

type Command = fc.AsyncCommand<Model, Scope>;

const isOpen = ({ status }: ModelRequest) => status === 'queued' || status === 'running';

class Wait implements Command {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check = () => true;
  async run(model: Model): Promise<void> {
    model.nowMs += this.ms;
  }
  toString = () => `wait(${this.ms})`;
}

class Lease implements Command {
  readonly limit: number;
  constructor(limit: number) {
    this.limit = limit;
  }
  check = () => true;
  async run(model: Model, scope: Scope): Promise<void> {
    const due = [...model.requests].filter(
      ([, request]) => isOpen(request) && request.dueAtMs <= model.nowMs,
    );
    const granted = await scope.lease('any', model.nowMs, this.limit, model.nowMs + LEASE_MS);
    expect(granted.map(({ id }) => id)).toEqual(due.slice(0, this.limit).map(([id]) => id));
    for (const { id, tenant, fence } of granted) {
      const request = model.requests.get(id);
      if (!request) return expect.unreachable();
      expect(fence).toBeGreaterThan(request.fence);
      Object.assign(request, { status: 'running', fence, dueAtMs: model.nowMs + LEASE_MS + 1 });
      model.grants.push({ id, tenant, fence });
    }
  }
  toString = () => `lease(${this.limit})`;
}

/** Something the holder of any lease ever granted does, current or stale. */
abstract class OnGrant implements Command {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.grants.length > 0;
  async run(model: Model, scope: Scope): Promise<void> {
    const grant = model.grants[this.pick % model.grants.length];
    const request = grant && model.requests.get(grant.id);
    if (!grant || !request) return expect.unreachable();
    const isCurrent = isOpen(request) && request.fence === grant.fence;
    await this.act(model, scope, grant, request, isCurrent);
  }
  abstract act(
    model: Model,
    scope: Scope,
    grant: LeaseRef,
    request: ModelRequest,
    isCurrent: boolean,
  ): Promise<void>;
}

class Defer extends OnGrant {
  async act(
    model: Model,
    { stores }: Scope,
    grant: LeaseRef,
    request: ModelRequest,
    isCurrent: boolean,
  ): Promise<void> {
    const notBeforeMs = model.nowMs + 40;
    await stores.work.defer([{ ...grant, notBeforeMs, attempts: 1, firstAttemptAtMs: null }]);
    if (isCurrent) Object.assign(request, { status: 'queued', dueAtMs: notBeforeMs });
  }
  override toString = () => `defer(${this.pick})`;
}

class Commit extends OnGrant {
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired';
  constructor(pick: number, status: Commit['status']) {
    super(pick);
    this.status = status;
  }
  async act(_: Model, { stores }: Scope, grant: LeaseRef, request: ModelRequest): Promise<void> {
    const [isPublished] = await stores.work.commit([outcomeOf(grant, { status: this.status })]);
    expect(isPublished).toBe(isOpen(request));
    if (isPublished !== true) return;
    request.status = this.status;
    request.publications += 1;
  }
  override toString = () => `commit(${this.pick}, ${this.status})`;
}

class Look implements Command {
  check = () => true;
  async run({ requests }: Model, scope: Scope): Promise<void> {
    for (const [id, request] of requests) {
      const view = await scope.stores.requests.get(scope.tenant, id);
      // A lapsed lease may show as queued or as running: nobody holds it.
      if (isOpen(request)) expect(view?.outcome).toBeNull();
      else expect(view?.status).toBe(request.status);
    }
    const counts = await scope.stores.requests.counts(scope.tenant);
    const inState = (status: string) =>
      [...requests.values()].filter((request) => request.status === status).length;
    expect(counts).toMatchObject({
      succeeded: inState('succeeded'),
      failed: inState('failed'),
      cancelled: inState('cancelled'),
      expired: inState('expired'),
    });
    expect(counts.queued + counts.running).toBe([...requests.values()].filter(isOpen).length);
  }
  toString = () => 'look';
}

const pick = fc.nat({ max: 30 });
const commands = fc.commands(
  [
    fc.integer({ min: 1, max: 130 }).map((ms) => new Wait(ms)),
    fc.integer({ min: 1, max: REQUESTS }).map((limit) => new Lease(limit)),
    pick.map((index) => new Defer(index)),
    fc
      .tuple(pick, fc.constantFrom('succeeded', 'failed', 'cancelled', 'expired'))
      .map(([index, status]) => new Commit(index, status)),
    fc.constant(new Look()),
  ],
  { maxCommands: 60 },
);

/** The life cycle against a model: owners come, die, come back and write late, in any order. */
export function defineWorkStoreLifeCycle(
  name: string,
  makeStores: MakeStores,
  numRuns = 150,
): void {
  describe(`life cycle on ${name}`, () => {
    it('lets every request end once, whoever writes when', async () => {
      const stores = await makeStores();
      try {
        await fc.assert(
          fc.asyncProperty(commands, async (sequence) => {
            const scope = new Scope(stores);
            const specs = await scope.accept(...Array.from({ length: REQUESTS }, () => ({})));
            const model: Model = {
              nowMs: START_MS,
              grants: [],
              requests: new Map(
                specs.map(({ id }) => [
                  id,
                  { status: 'queued', fence: 0, dueAtMs: 0, publications: 0 },
                ]),
              ),
            };
            await fc.asyncModelRun(() => ({ model, real: scope }), sequence);
            await finish(model, scope);
          }),
          { numRuns },
        );
      } finally {
        await stores.close();
      }
    });
  });
}

/** Whatever happened before, one more pass ends all that is open, and nothing is left. */
async function finish(model: Model, scope: Scope): Promise<void> {
  const rest = await scope.lease('last', model.nowMs + 10 * LEASE_MS);
  const flags = await scope.stores.work.commit(rest.map((request) => outcomeOf(request)));
  expect(flags.every(Boolean)).toBe(true);
  for (const { id } of rest) {
    const request = model.requests.get(id);
    if (request) request.publications += 1;
  }
  expect([...model.requests.values()].map(({ publications }) => publications)).toEqual(
    Array.from({ length: REQUESTS }, () => 1),
  );
  const { queued, running } = await scope.stores.requests.counts(scope.tenant);
  expect(queued + running).toBe(0);
}
