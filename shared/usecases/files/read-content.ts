import { openAiRefusal } from '../../contracts/openai-error.ts';
import type { FilePart } from '../../domain/batches/stored-file.ts';
import type { FileContents } from '../../ports/file-contents.ts';

/** Read at once. Unit: bytes. */
const PIECE_BYTES = 1_048_576;

/**
 * Content of parts one after another, from a byte on, in pieces of at most a megabyte.
 *
 * @throws {AppError} `not_found` when it is gone.
 */
export async function* readContent(
  contents: Pick<FileContents, 'read'>,
  tenant: string,
  parts: readonly FilePart[],
  fromByte = 0,
): AsyncGenerator<Uint8Array> {
  let partStart = 0;
  for (const { blob, bytes } of parts) {
    for (let at = Math.max(0, fromByte - partStart); at < bytes; at += PIECE_BYTES) {
      const piece = await contents.read(tenant, blob, at, Math.min(bytes, at + PIECE_BYTES));
      if (piece === null || piece.length === 0) {
        const message = 'The content of the file is no longer kept: it was deleted or has expired.';
        throw openAiRefusal(message, null, 'file_deleted', 'not_found');
      }
      yield piece;
    }
    partStart += bytes;
  }
}

/** Content that is known to be small, as one. */
export async function readWhole(
  contents: Pick<FileContents, 'read'>,
  tenant: string,
  parts: readonly FilePart[],
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readContent(contents, tenant, parts)) pieces.push(piece);
  return Buffer.concat(pieces);
}
