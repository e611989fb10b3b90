/** Multipart bodies, by the platform's own parser. */

import { AppError } from '../../shared/domain/errors.ts';
import { readBytes, UnsupportedMediaType } from './read-body.ts';

const MULTIPART = 'multipart/form-data';

/** @throws {AppError} `payload_too_large`, with what to do instead; `invalid_request`. */
export async function readForm(
  request: Request,
  maxBytes: number,
  otherWay: string,
): Promise<FormData> {
  const type = request.headers.get('content-type') ?? '';
  if (!type.toLowerCase().startsWith(MULTIPART)) {
    throw new UnsupportedMediaType(`content-type: send ${MULTIPART}`);
  }
  const bytes = await readBytes(request, maxBytes, otherWay);
  try {
    return await new Response(bytes, { headers: { 'content-type': type } }).formData();
  } catch (error) {
    const message = 'The body is no multipart form that can be read. Send it as the SDKs do';
    throw new AppError('invalid_request', message, { cause: error });
  }
}

/** A text field; `null` where there is none. */
export function textOf(form: FormData, name: string): string | null {
  const value = form.get(name);
  return typeof value === 'string' ? value : null;
}

/** The fields `name[key]` as an object; `undefined` where there is none. */
export function groupOf(form: FormData, name: string): Record<string, string> | undefined {
  const members: [string, string][] = [];
  for (const [field, value] of form) {
    if (typeof value === 'string' && field.startsWith(`${name}[`) && field.endsWith(']')) {
      members.push([field.slice(name.length + 1, -1), value]);
    }
  }
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
