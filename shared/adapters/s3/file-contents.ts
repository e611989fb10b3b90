import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ContentAddresses, FileContents } from '../../ports/file-contents.ts';
import { encoded, tenantFolder } from '../segments/segment-names.ts';
import type { S3Objects } from './objects.ts';

/** Unit: seconds. */
const ADDRESS_SECONDS = 900;
/** Parts of a multipart upload hold at least 5 MiB, but for the last. Unit: bytes. */
const PART_BYTES = 8_388_608;
/** A file of thousands of parts is to be let go within one call. */
const DISCARDED_AT_ONCE = 32;
const NOTHING = new Uint8Array(0);

/**
 * Content of files as `t/<tenant>/files/<blob>`. It goes with the retention of the bucket; what is
 * discarded before is emptied, since functions may not delete.
 */
export class S3FileContents implements FileContents, ContentAddresses {
  readonly #objects: S3Objects;

  constructor(objects: S3Objects) {
    this.#objects = objects;
  }

  put(tenant: string, blob: string, bytes: Uint8Array): Promise<void> {
    return this.#objects.put(keyOf(tenant, blob), bytes);
  }

  read(tenant: string, blob: string, start: number, end: number): Promise<Uint8Array | null> {
    return this.#objects.read(keyOf(tenant, blob), start, end);
  }

  async discard(tenant: string, blobs: readonly string[]): Promise<void> {
    for (let start = 0; start < blobs.length; start += DISCARDED_AT_ONCE) {
      await Promise.all(
        blobs
          .slice(start, start + DISCARDED_AT_ONCE)
          .map((blob) => this.#objects.put(keyOf(tenant, blob), NOTHING)),
      );
    }
  }

  async addressOf(tenant: string, blob: string, filename: string): Promise<string | null> {
    const key = keyOf(tenant, blob);
    const first = await this.#objects.read(key, 0, 1);
    if (first === null || first.length === 0) return null;
    const safe = filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
    const get = new GetObjectCommand({
      Bucket: this.#objects.bucket,
      Key: key,
      ResponseContentDisposition: `attachment; filename="${safe}"`,
      ResponseContentType: 'application/octet-stream',
    });
    return getSignedUrl(this.#objects.client, get, { expiresIn: ADDRESS_SECONDS });
  }

  /** An upload that is never completed goes with the rules of the bucket. */
  async store(tenant: string, blob: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const objects = this.#objects;
    const { client, bucket } = objects;
    const place = { Bucket: bucket, Key: keyOf(tenant, blob) };
    const create = new CreateMultipartUploadCommand(place);
    const { UploadId } = await objects.call(() => client.send(create));
    const parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for await (const Body of joined(content)) {
      const PartNumber = parts.length + 1;
      const part = new UploadPartCommand({ ...place, UploadId, PartNumber, Body });
      const { ETag } = await objects.call(() => client.send(part));
      parts.push({ PartNumber, ETag });
    }
    const MultipartUpload = { Parts: parts };
    const complete = new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload });
    await objects.call(() => client.send(complete));
  }
}

function keyOf(tenant: string, blob: string): string {
  return `${tenantFolder(tenant)}files/${encoded(blob)}`;
}

async function* joined(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < PART_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}
