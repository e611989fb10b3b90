/**
 * The one table of a deployment: names of its keys and indexes. What each item's keys hold is
 * said by the store that owns the item; docs/architecture.md lists them all.
 *
 * Constants only: infrastructure imports this file.
 */
export const TABLE = {
  pk: 'pk',
  sk: 'sk',
  /** Instant after which DynamoDB deletes the item, some days late at times. Unit: seconds since the epoch. */
  ttl: 'ttl',
} as const;

/** Slices with open requests, by model, in the order in which they are to be served. Keys only. */
export const OPEN_INDEX = { name: 'open', pk: 'gsi1pk', sk: 'gsi1sk' } as const;

/** Slices of a tenant by age. Keys only. */
export const TENANT_INDEX = { name: 'byTenant', pk: 'gsi2pk', sk: 'gsi2sk' } as const;
