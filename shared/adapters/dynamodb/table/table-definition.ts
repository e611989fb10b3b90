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

const index = <Name extends string, Pk extends string, Sk extends string>(
  name: Name,
  pk: Pk,
  sk: Sk,
) => ({ name, pk, sk, partition: pk, sort: sk }) as const;

/** Slices with open requests, by model, in the order in which they are to be served. Keys only. */
export const OPEN_INDEX = index('open', 'gsi1pk', 'gsi1sk');

/** Slices of a tenant by age. Keys only. */
export const TENANT_INDEX = index('byTenant', 'gsi2pk', 'gsi2sk');

export const TABLE_KEYS = { partition: TABLE.pk, sort: TABLE.sk } as const;
export const TABLE_INDEXES = [OPEN_INDEX, TENANT_INDEX] as const;
export const TTL_ATTRIBUTE = TABLE.ttl;
