/** Lines that never became requests, as they are kept: how each is answered. */

import * as z from 'zod';

const rowSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('refused'),
    line: z.int(),
    customId: z.string().nullable(),
    status: z.int(),
    code: z.string(),
    message: z.string(),
    param: z.string().nullable(),
  }),
  z.object({ kind: z.literal('cancelled'), line: z.int(), customId: z.string().nullable() }),
]);

export type RefusedRow = z.infer<typeof rowSchema>;

export function encodeRefusedRow(row: RefusedRow): string {
  return JSON.stringify(row);
}

export function decodeRefusedRow(bytes: Uint8Array): RefusedRow {
  return rowSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
}
