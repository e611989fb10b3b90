/** What travels through the queue of batches: a name only. */

import * as z from 'zod';
import type { BatchRef } from '../ports/batch-store.ts';

const VERSION = 1;
const messageSchema = z.object({
  v: z.literal(VERSION),
  tenant: z.string().min(1),
  batch: z.string().min(1),
});

export function encodeBatchMessage({ tenant, id }: BatchRef): string {
  const message: z.infer<typeof messageSchema> = { v: VERSION, tenant, batch: id };
  return JSON.stringify(message);
}

/** The batch a message names, or `null` when it is none, or of a version not known here. */
export function decodeBatchMessage(body: string): BatchRef | null {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return null;
  }
  const parsed = messageSchema.safeParse(json);
  return parsed.success ? { tenant: parsed.data.tenant, id: parsed.data.batch } : null;
}
