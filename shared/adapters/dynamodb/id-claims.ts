import { createHash } from 'node:crypto';
import type { IdClaim, IdClaims } from '../../ports/id-claims.ts';
import { text } from './table/attributes.ts';
import { tenantPartition } from './table/keys.ts';
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

  async claim(tenant: string, key: string, claim: IdClaim): Promise<IdClaim> {
    const digest = createHash('sha256').update(key).digest('base64url');
    const ttl = Math.ceil(this.#nowMs() / 1_000) + this.#retentionDays * 86_400;
    const item = {
      pk: `${tenantPartition(tenant)}#K#${digest}`,
      sk: 'K',
      f: claim.fingerprint,
      id: claim.id,
      ttl,
    };
    const refusal = await this.#table.put(item, { text: 'attribute_not_exists(pk)' });
    const standing = refusal?.item;
    if (standing == null) return claim;
    return { fingerprint: text(standing, 'f'), id: text(standing, 'id') };
  }
}
