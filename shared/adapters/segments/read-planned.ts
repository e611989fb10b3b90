import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { PlannedRead } from './read-plan.ts';

/**
 * Carries out a plan, `most` reads at a time, and cuts out what each pointer names, index-aligned.
 */
export async function readPlanned(
  pointers: readonly PayloadPointer[],
  reads: readonly PlannedRead[],
  most: number,
  readBytes: (planned: PlannedRead) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  const bodies: Uint8Array[] = new Array(pointers.length);
  const queue = reads.values();
  const readNext = async () => {
    for (const planned of queue) {
      const bytes = await readBytes(planned);
      for (const index of planned.indexes) {
        const pointer = pointers[index];
        if (pointer) bodies[index] = cut(bytes, planned, pointer);
      }
    }
  };
  await Promise.all(Array.from({ length: most }, readNext));
  return bodies;
}

/** A copy unless the read was for this pointer alone: one kept body must not hold back a megabyte. */
function cut(
  bytes: Uint8Array,
  { start, indexes }: PlannedRead,
  pointer: PayloadPointer,
): Uint8Array {
  const from = pointer.offset - start;
  const body = bytes.subarray(from, from + pointer.length);
  return indexes.length === 1 ? body : Buffer.from(body);
}
