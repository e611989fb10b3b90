import { PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { UploadStore, UploadTarget } from '../../ports/upload-store.ts';
import { tenantFolder } from '../segments/segment-names.ts';
import type { S3Objects } from './objects.ts';

/** Long enough for a large file on a slow line to begin. Unit: seconds. */
const EXPIRY_SECONDS = 900;
/** What an id may be; anything else could name what lies elsewhere. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

export interface S3UploadStoreOptions {
  readonly objects: Pick<S3Objects, 'bucket' | 'client' | 'read'>;
  readonly clock: Clock;
}

/** Bodies that callers put into the bucket themselves: `t/<tenant>/uploads/<id>`. */
export class S3UploadStore implements UploadStore {
  readonly #options: S3UploadStoreOptions;

  constructor(options: S3UploadStoreOptions) {
    this.#options = options;
  }

  /** @throws {AppError} `invalid_request` when the id is none of ours. */
  async createTarget(tenant: string, id: string, bytes: number): Promise<UploadTarget> {
    const { objects, clock } = this.#options;
    const key = keyOf(tenant, id);
    if (key === null) {
      throw new AppError(
        'invalid_request',
        'An upload is named by 1 to 128 letters, digits, _ and -.',
      );
    }
    const put = new PutObjectCommand({ Bucket: objects.bucket, Key: key, ContentLength: bytes });
    const expiresAtMs = clock.nowMs() + EXPIRY_SECONDS * 1_000;
    const url = await getSignedUrl(objects.client, put, {
      expiresIn: EXPIRY_SECONDS,
      // As part of the signature, the length cannot be changed by whoever has the URL.
      signableHeaders: new Set(['content-length', 'host']),
      unhoistableHeaders: new Set(['content-length']),
    });
    return { id, url, headers: { 'content-length': String(bytes) }, expiresAtMs };
  }

  async read(tenant: string, id: string): Promise<Uint8Array | null> {
    const key = keyOf(tenant, id);
    return key === null ? null : this.#options.objects.read(key);
  }
}

function keyOf(tenant: string, id: string): string | null {
  return ID.test(id) ? `${tenantFolder(tenant)}uploads/${id}` : null;
}
