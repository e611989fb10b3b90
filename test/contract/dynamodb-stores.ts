import { createDynamoLedger } from '../../shared/adapters/dynamodb/ledger/ledger.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import type { RequestSpec } from '../../shared/domain/requests/request.ts';
import { planSlices } from '../../shared/domain/requests/slice-plan.ts';
import type { RequestStore, WorkStore } from '../../shared/ports/request-store.ts';
import { makeTable, SteadyClock, type TestTable } from '../support/dynamo-client.ts';
import { MemorySegments } from '../support/memory-segments.ts';
import { type MakeStores, START_MS, type StoresUnderTest } from './builders.ts';

/** Stores on the emulator, where each request is a slice of its own. All share one table. */
export function dynamoStores(): MakeStores {
  return dynamoStoresOn(makeTable);
}

/** The same on any table; made once, at the first test. */
export function dynamoStoresOn(
  openTable: () => Promise<Pick<TestTable, 'client' | 'name'>>,
): MakeStores {
  let table: Promise<Pick<TestTable, 'client' | 'name'>> | null = null;
  return async () => {
    table ??= openTable();
    return ledgerOn(await table);
  };
}

/**
 * The same, where the requests of one accept() share slices. Their ids stay as they are, so that
 * each needs an alias.
 */
export function dynamoStoresInSlices(): MakeStores {
  const make = dynamoStores();
  return async () => placedStores(await make());
}

/** Stores whose requests of one accept() share slices. */
export function placedStores({ requests, work, close }: StoresUnderTest): StoresUnderTest {
  return { requests: placing(requests), work: unplaced(work), close };
}

/** The ledger over a table. */
export function ledgerOn({ client, name }: Pick<TestTable, 'client' | 'name'>): StoresUnderTest {
  const ledger = createDynamoLedger({
    client,
    table: name,
    clock: new SteadyClock(START_MS),
    random: systemRandom,
    payloads: new MemorySegments().payloads,
    retentionDays: 30,
  });
  return { ...ledger, close: async () => undefined };
}

function placing(requests: RequestStore): RequestStore {
  return {
    async accept(specs) {
      const places = planSlices(systemRandom.id('call_'), specs);
      return requests.accept(
        specs.map((spec, index): RequestSpec => {
          const slice = places[index];
          return slice === undefined ? spec : { ...spec, slice };
        }),
      );
    },
    async get(tenant, id) {
      const view = await requests.get(tenant, id);
      return view === null ? null : withoutPlace(view);
    },
    async list(filter) {
      const { items, hasMore } = await requests.list(filter);
      return { items: items.map(withoutPlace), hasMore };
    },
    async published(filter) {
      const { items, next } = await requests.published(filter);
      return { items: items.map(withoutPlace), next };
    },
    counts: (tenant, batchId) => requests.counts(tenant, batchId),
    usage: (filter) => requests.usage(filter),
  };
}

function unplaced(work: WorkStore): WorkStore {
  return {
    lease: async (query) => (await work.lease(query)).map(withoutPlace),
    commit: (outcomes) => work.commit(outcomes),
    defer: (requests) => work.defer(requests),
    extend: (requests, expiresAtMs) => work.extend(requests, expiresAtMs),
    backlog: () => work.backlog(),
    withdrawn: (refs) => work.withdrawn(refs),
  };
}

function withoutPlace<Spec extends RequestSpec>({ slice: _, ...spec }: Spec): Omit<Spec, 'slice'> {
  return spec;
}
