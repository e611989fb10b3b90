import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type CallAws, isAwsError } from '../aws/call-aws.ts';

const SERVICE = 'S3';

/** One object as a listing shows it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
}

/** A deployment's bucket. */
export class S3Objects {
  readonly client: S3Client;
  readonly bucket: string;
  readonly #callAws: CallAws;

  constructor(client: S3Client, bucket: string, callAws: CallAws) {
    this.client = client;
    this.bucket = bucket;
    this.#callAws = callAws;
  }

  /** Sends any other call, again where that may help: pass only what may be repeated. */
  call<Value>(send: () => Promise<Value>): Promise<Value> {
    return this.#callAws(SERVICE, send);
  }

  /** Durable on return. Writing the same again changes nothing. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    const put = new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: bytes });
    await this.#callAws(SERVICE, () => this.client.send(put));
  }

  /**
   * The bytes from `start` up to `end`, or as many of them as the object has; `null` when there
   * is no such object.
   */
  async read(key: string, start = 0, end?: number): Promise<Uint8Array | null> {
    if (end !== undefined && end <= start) return new Uint8Array(0);
    const range = `bytes=${start}-${end === undefined ? '' : end - 1}`;
    const isWhole = start === 0 && end === undefined;
    const get = new GetObjectCommand({
      Bucket: this.bucket,
      Key: key,
      ...(isWhole ? {} : { Range: range }),
    });
    try {
      return await this.#callAws(SERVICE, async () => {
        const { Body: body } = await this.client.send(get);
        return body === undefined ? new Uint8Array(0) : await body.transformToByteArray();
      });
    } catch (error) {
      if (isAwsError(error, 'NoSuchKey')) return null;
      // Nothing lies behind the start.
      if (isAwsError(error, 'InvalidRange')) return new Uint8Array(0);
      throw error;
    }
  }

  /** All objects in a folder, in the order of their keys. */
  async *list(folder: string): AsyncGenerator<ListedObject> {
    let token: string | undefined;
    do {
      const list = new ListObjectsV2Command({
        Bucket: this.bucket,
        Prefix: folder,
        ContinuationToken: token,
      });
      const page = await this.#callAws(SERVICE, () => this.client.send(list));
      for (const { Key: key, Size: bytes } of page.Contents ?? []) {
        if (key !== undefined) yield { key, bytes: bytes ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
}
