/**
 * Names of the segments that lie in shared stores. A name says where the bytes are, whose they
 * are, and when they were written.
 *
 * | segment                                        | lies in                                          |
 * | ---------------------------------------------- | ------------------------------------------------ |
 * | `t/<tenant>/bodies/<id>-<time>.jsonl`          | S3, under that key                               |
 * | `t/<tenant>/results/<owner>/<number>-<time>.jsonl` | S3, under that key                           |
 * | `i/<tenant>/bodies/<id>-<time>`                | DynamoDB, `P#<tenant>#<id>-<time>`, `P`          |
 * | `i/<tenant>/results/<owner>/<number>-<time>`   | DynamoDB, `LOG#<owner>`, `<tenant>#<number>-<time>` |
 */

/** What a tenant sent, or what one worker logged for a tenant. */
export type SegmentKind =
  | { readonly kind: 'bodies'; readonly id: string }
  /** Segments of one worker and tenant are numbered from 0 in the order written. */
  | { readonly kind: 'results'; readonly owner: string; readonly number: number };

export type SegmentName = SegmentKind & {
  readonly tenant: string;
  readonly writtenAtMs: number;
  /** One small item of DynamoDB, else an object of S3. */
  readonly isSmall: boolean;
};

const NUMBER_DIGITS = 6;
const TIME_RADIX = 36;
const FORM = /^(?:(t)|i)\/([^/]+)\/(?:bodies|results\/([^/]+))\/([^/]+)-([0-9a-z]+)(\.jsonl)?$/;

export function segmentName(name: SegmentName): string {
  const folder = name.kind === 'bodies' ? 'bodies' : `results/${encoded(name.owner)}`;
  const id = name.kind === 'bodies' ? name.id : String(name.number).padStart(NUMBER_DIGITS, '0');
  const time = Math.max(0, Math.floor(name.writtenAtMs)).toString(TIME_RADIX);
  const [root, ending] = name.isSmall ? ['i', ''] : ['t', '.jsonl'];
  return `${root}/${encoded(name.tenant)}/${folder}/${id}-${time}${ending}`;
}

/** What `segmentName` named, or `null` for any other text. */
export function parseSegmentName(segment: string): SegmentName | null {
  const [, large, tenant, owner, id, time, ending] = FORM.exec(segment) ?? [];
  if (tenant === undefined || id === undefined || time === undefined) return null;
  if ((large === undefined) !== (ending === undefined)) return null;
  const common = {
    tenant: decodeURIComponent(tenant),
    writtenAtMs: Number.parseInt(time, TIME_RADIX),
    isSmall: large === undefined,
  };
  if (owner === undefined) return { ...common, kind: 'bodies', id };
  return { ...common, kind: 'results', owner: decodeURIComponent(owner), number: Number(id) };
}

/** The folder of S3 in which one worker logs results of one tenant. */
export function resultsFolder(tenant: string, owner: string): string {
  return `${tenantFolder(tenant)}results/${encoded(owner)}/`;
}

/** The folder of S3 that holds all that is a tenant's. */
export function tenantFolder(tenant: string): string {
  return `t/${encoded(tenant)}/`;
}

/** A name as one part of a key, so that no name reaches into another's keys. */
export function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E');
}
