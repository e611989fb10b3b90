import { AppError } from '../domain/errors.ts';
import type { Random } from '../ports/random.ts';
import type { UploadStore, UploadTarget } from '../ports/upload-store.ts';

export interface TakeUploads {
  /**
   * A place to put a body of exactly that size.
   *
   * @throws {AppError} `not_found` where the home has no such place, since it takes large bodies
   * directly.
   */
  open(tenant: string, bytes: number): Promise<UploadTarget>;
  /** What was put there. @throws {AppError} `not_found` when nothing of this tenant's was. */
  read(tenant: string, id: string): Promise<Uint8Array>;
}

const PREFIX = 'upload_';
/** An id becomes part of a name in the store, so nothing else may be in it. */
const ID = /^upload_[a-z0-9]{24}$/;

export function createTakeUploads(
  uploads: UploadStore | null,
  random: Random,
  directBytes: number,
): TakeUploads {
  return {
    async open(tenant, bytes) {
      if (uploads !== null) return uploads.createTarget(tenant, random.id(PREFIX), bytes);
      const message = `There are no uploads here: POST /v1/requests takes bodies of up to ${directBytes} bytes itself`;
      throw new AppError('not_found', message);
    },
    async read(tenant, id) {
      const bytes = ID.test(id) ? await uploads?.read(tenant, id) : null;
      if (bytes != null) return bytes;
      const shown = JSON.stringify(id.slice(0, 80));
      const message = `Nothing was uploaded as ${shown}. PUT it to the url of POST /v1/requests/uploads first, before it expires`;
      throw new AppError('not_found', message);
    },
  };
}
