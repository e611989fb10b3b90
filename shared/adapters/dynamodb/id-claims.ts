import { createHash } from 'node:crypto';
import type { IdClaim, IdClaims } from '../../ports/id-claims.ts';
import { type Item, text } from './table/attributes.ts';
import { type Key, tenantPartition } from './table/keys.ts';
import { Table } from './table/table.ts';
import type { TableAccess } from './table/table-access.ts';

/** Keys under which something is made once, in DynamoDB: `T#<tenant>#K#<digest of the key>`, `K`. */
export class DynamoIdClaims implements IdClaims {
  readonly #table: Table;
  readonly #nowMs: () => number;
  readonly #retentionDays: number;

  constructor(access: TableAccess, nowMs: () => number, retentionDays: number) {
    this.#table = new Table(access);
    this.#nowMs = nowMs;
    this.#retentionDays = retentionDays;
  }

  async find(tenant: string, key: string): Promise<IdClaim | null> {
    const item = await this.#table.get(keyOf(tenant, key));
    return item === null ? null : read(item);
  }

  async claim(tenant: string, key: string, claim: IdClaim): Promise<IdClaim> {
    const ttl = Math.ceil(this.#nowMs() / 1_000) + this.#retentionDays * 86_400;
    const item = {
      ...keyOf(tenant, key),
      f: claim.fingerprint,
      id: claim.id,
      ttl,
    };
    const refusal = await this.#table.put(item, { text: 'attribute_not_exists(pk)' });
    const standing = refusal?.item;
    return standing == null ? claim : read(standing);
  }
}

function keyOf(tenant: string, key: string): Key {
  const digest = createHash('sha256').update(key).digest('base64url');
  return { pk: `${tenantPartition(tenant)}#K#${digest}`, sk: 'K' };
}

function read(item: Item): IdClaim {
  return { fingerprint: text(item, 'f'), id: text(item, 'id') };
}
