/**
 * Names of the one table. Constants only: infrastructure, functions and tests create and read the
 * same table by this file. What is kept under which key: `keys.ts`.
 */

export const TABLE_KEYS = { partition: 'pk', sort: 'sk' } as const;

/** Slices with requests that have not ended, per model in the order they are served. KEYS_ONLY. */
export const OPEN_INDEX = { name: 'open', partition: 'gsi1pk', sort: 'gsi1sk' } as const;

/** Slices of a tenant in the order they were accepted. KEYS_ONLY. */
export const TENANT_INDEX = { name: 'byTenant', partition: 'gsi2pk', sort: 'gsi2sk' } as const;

export const TABLE_INDEXES = [OPEN_INDEX, TENANT_INDEX] as const;

/** Second since the epoch after which DynamoDB may delete an item. */
export const TTL_ATTRIBUTE = 'ttl';
