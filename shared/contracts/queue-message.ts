/** What travels through the queue: names only, never a prompt. */

import * as z from 'zod';
import type { SliceNotice } from '../ports/request-queue.ts';

/** Grows when a reader of the last version could not act on a message rightly. */
const VERSION = 1;

const messageSchema = z.object({
  v: z.literal(VERSION),
  tenant: z.string().min(1),
  slice: z.string().min(1),
  model: z.string().min(1),
  priority: z.int().min(0),
});

export function encodeNotice({ tenant, slice, model, priority }: SliceNotice): string {
  const message: z.infer<typeof messageSchema> = { v: VERSION, tenant, slice, model, priority };
  return JSON.stringify(message);
}

/** The notice in a message, or `null` when it is none, or of a version not known here. */
export function decodeNotice(body: string): SliceNotice | null {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return null;
  }
  const parsed = messageSchema.safeParse(json);
  if (!parsed.success) return null;
  const { v: _, ...notice } = parsed.data;
  return notice;
}
