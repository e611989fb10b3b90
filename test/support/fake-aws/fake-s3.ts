/** An S3 bucket in this process, with what its calls would cost. Answers the wire protocol. */

import { compareText } from './expressions.ts';

export interface HttpReply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

const LISTED = 1_000;

export class FakeS3 {
  /** Calls by operation. A listing is charged like a write. */
  readonly calls: Record<string, number> = {};
  storedBytes = 0;
  readonly objects = new Map<string, Uint8Array>();

  handle(
    method: string,
    key: string,
    { query, range, body }: { query: Record<string, unknown>; range?: string; body: Uint8Array },
  ): HttpReply {
    if (method === 'GET' && query['list-type'] === '2') return this.list(query);
    const object = this.objects.get(key);
    switch (method) {
      case 'PUT':
        this.count('PutObject');
        this.storedBytes += body.length - (object?.length ?? 0);
        this.objects.set(key, body);
        return { status: 200, headers: { etag: '"fake"' } };
      case 'DELETE':
        this.count('DeleteObject');
        this.objects.delete(key);
        return { status: 204 };
      case 'GET':
        this.count('GetObject');
        return object === undefined ? fault(404, 'NoSuchKey') : read(object, range);
      case 'HEAD':
        this.count('HeadObject');
        if (object === undefined) return { status: 404 };
        return { status: 200, headers: { 'content-length': String(object.length) } };
      default:
        return fault(405, 'MethodNotAllowed');
    }
  }

  private list(query: Record<string, unknown>): HttpReply {
    this.count('ListObjectsV2');
    const prefix = String(query['prefix'] ?? '');
    const after = String(query['continuation-token'] ?? '');
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && compareText(key, after) > 0)
      .sort(compareText);
    const page = keys.slice(0, LISTED);
    const contents = page.map(
      (key) =>
        `<Contents><Key>${key}</Key><Size>${this.objects.get(key)?.length ?? 0}</Size></Contents>`,
    );
    const isCut = keys.length > page.length;
    const next = isCut ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    const xml = `<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
    return { status: 200, headers: XML, body: Buffer.from(xml) };
  }

  private count(operation: string): void {
    this.calls[operation] = (this.calls[operation] ?? 0) + 1;
  }
}

const XML = { 'content-type': 'application/xml' };

function read(object: Uint8Array, range: string | undefined): HttpReply {
  if (range === undefined) return { status: 200, body: object };
  const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  const start = Number(from);
  if (start >= object.length) return fault(416, 'InvalidRange');
  const end = Math.min(object.length, to === '' ? object.length : Number(to) + 1);
  return {
    status: 206,
    headers: { 'content-range': `bytes ${start}-${end - 1}/${object.length}` },
    body: object.subarray(start, end),
  };
}

function fault(status: number, code: string): HttpReply {
  const xml = `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return { status, headers: XML, body: Buffer.from(xml) };
}
