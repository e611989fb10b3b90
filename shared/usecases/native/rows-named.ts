import type { LeaseRef } from '../../ports/request-store.ts';

/**
 * The rows whose ids a store names when it is asked for them. A job may hold requests of several
 * tenants, whose ids may be alike: each tenant's are asked for alone.
 */
export async function rowsNamed<Row extends LeaseRef>(
  rows: readonly Row[],
  ask: (rows: readonly Row[]) => Promise<string[]>,
): Promise<Set<Row>> {
  const named = new Set<Row>();
  for (const group of Map.groupBy(rows, ({ tenant }) => tenant).values()) {
    const ids = new Set(await ask(group));
    for (const row of group) {
      if (ids.has(row.id)) named.add(row);
    }
  }
  return named;
}
