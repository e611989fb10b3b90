import type { ResourceRequest } from '../resources.ts';

/** Reads a multipart body by the platform's own parser; undefined when it is none. */
export async function readForm({
  body,
  contentType,
}: ResourceRequest): Promise<FormData | undefined> {
  if (!contentType?.startsWith('multipart/form-data')) return undefined;
  try {
    // A view, not a copy: the body may have hundreds of megabytes.
    const bytes = new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.length);
    return await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  } catch {
    return undefined;
  }
}

/** A text field, or undefined. */
export function textOf(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === 'string' ? value : undefined;
}

/** The fields `name[key]` as an object; undefined when there is none. */
export function groupOf(form: FormData, name: string): Record<string, string> | undefined {
  const members: [string, string][] = [];
  for (const [field, value] of form) {
    if (typeof value === 'string' && field.startsWith(`${name}[`) && field.endsWith(']')) {
      members.push([field.slice(name.length + 1, -1), value]);
    }
  }
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

export async function bytesOf(file: File): Promise<Buffer> {
  return Buffer.from(await file.arrayBuffer());
}
