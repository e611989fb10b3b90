import { MAX_DIRECT_CONTENT_BYTES } from '../../contracts/limits.ts';
import { type BatchRecord, hasEnded } from '../../domain/batches/batch.ts';
import type { FileRecord } from '../../domain/batches/stored-file.ts';
import type { BatchStore } from '../../ports/batch-store.ts';
import type { ContentAddresses } from '../../ports/file-contents.ts';
import type { Random } from '../../ports/random.ts';
import type { BatchRowsDeps } from '../batches/batch-rows.ts';
import { renderOutput } from '../batches/render-output.ts';
import { unknownFile, wholeBlobOf } from './manage-files.ts';
import { readContent } from './read-content.ts';

export type OpenedContent =
  | { readonly kind: 'here'; readonly content: AsyncGenerator<Uint8Array> }
  /** Fetched from there, without a key. */
  | { readonly kind: 'elsewhere'; readonly url: string };

/**
 * The content of a file. Of a batch that is under way: as much as there is.
 *
 * @throws {AppError} `not_found` when its batch is gone.
 */
export type OpenContent = (file: FileRecord) => Promise<OpenedContent>;

export interface OpenContentDeps extends BatchRowsDeps {
  readonly batches: BatchStore;
  readonly random: Random;
  /** `null` in a home that hands on whatever its size. */
  readonly addresses: ContentAddresses | null;
}

export function createOpenContent(deps: OpenContentDeps): OpenContent {
  const { batches, contents, addresses, random } = deps;
  return async (file) => {
    const { tenant, filename, source } = file;
    if (source.kind === 'stored') {
      const here = (): AsyncGenerator<Uint8Array> => readContent(contents, tenant, source.parts);
      if (addresses === null) return { kind: 'here', content: here() };
      if (file.purpose === 'batch') return bounded(addresses, file, wholeBlobOf(file.id), here());
      // What is no text does not pass a gateway unharmed, however small.
      const [only] = source.parts;
      if (source.parts.length === 1 && only !== undefined) {
        const url = await addresses.addressOf(tenant, only.blob, filename);
        if (url !== null) return { kind: 'elsewhere', url };
      }
      return bounded(addresses, file, wholeBlobOf(file.id), here(), 0);
    }
    const batch = await batches.get(tenant, source.batchId);
    if (batch === null) throw unknownFile(file.id);
    const rendered = renderOutput(deps, batch, source.content);
    return addresses === null
      ? { kind: 'here', content: rendered }
      : bounded(addresses, file, blobOf(file, batch), rendered);
  };

  /** A batch that has ended renders the same for ever. */
  function blobOf({ id }: FileRecord, { status }: BatchRecord): string {
    return hasEnded(status) ? wholeBlobOf(id) : random.id(`${id}-part-`);
  }
}

/** Content as it is where it is small; else it is stored, and its address given. */
export async function bounded(
  to: ContentAddresses,
  { tenant, filename, bytes }: Pick<FileRecord, 'tenant' | 'filename' | 'bytes'>,
  blob: string,
  content: AsyncGenerator<Uint8Array>,
  mostBytes: number = MAX_DIRECT_CONTENT_BYTES,
): Promise<OpenedContent> {
  if (bytes > mostBytes) {
    const known = await to.addressOf(tenant, blob, filename);
    if (known !== null) return { kind: 'elsewhere', url: known };
  }
  const begun: Uint8Array[] = [];
  let length = 0;
  while (length <= mostBytes) {
    const { done, value } = await content.next();
    if (done === true) return { kind: 'here', content: again(begun) };
    begun.push(value);
    length += value.length;
  }
  await to.store(tenant, blob, both(begun, content));
  const url = await to.addressOf(tenant, blob, filename);
  if (url === null) throw unknownFile(blob);
  return { kind: 'elsewhere', url };
}

async function* again(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function* both(
  begun: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* begun;
  yield* rest;
}
