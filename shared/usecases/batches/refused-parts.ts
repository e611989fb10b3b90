/** Which blobs hold the rows of lines that were refused. */

import type { BatchRecord } from '../../domain/batches/batch.ts';
import type { FilePart } from '../../domain/batches/stored-file.ts';
import type { FileContents } from '../../ports/file-contents.ts';
import { readWhole } from '../files/read-content.ts';

/** A record that is written with every chunk is to stay small, however many of them have such rows. */
const MOST_NAMED = 250;

type Named = Pick<BatchRecord, 'tenant' | 'id' | 'refused'>;

/** The parts with one more: where there are many, their names move into a blob of their own. */
export async function withRefusedPart(
  contents: Pick<FileContents, 'put'>,
  { tenant, id, refused }: Named,
  part: FilePart,
): Promise<Pick<BatchRecord['refused'], 'parts' | 'index'>> {
  const parts = [...refused.parts, part];
  if (parts.length < MOST_NAMED) return { parts, index: refused.index };
  const bytes = Buffer.from(JSON.stringify(parts));
  // Written over by who comes again after a crash, with the same.
  const blob = `${id}-refused-index-${refused.index.length}`;
  await contents.put(tenant, blob, bytes);
  return { parts: [], index: [...refused.index, { blob, bytes: bytes.length }] };
}

/** All of them, in the order of the input. */
export async function refusedParts(
  contents: Pick<FileContents, 'read'>,
  { tenant, refused }: Named,
): Promise<FilePart[]> {
  const all: FilePart[] = [];
  for (const page of refused.index) {
    const named: FilePart[] = JSON.parse(
      Buffer.from(await readWhole(contents, tenant, [page])).toString(),
    );
    all.push(...named);
  }
  return [...all, ...refused.parts];
}
