import type { BatchDesk } from '../batches/desk.ts';
import type { Problem } from '../call.ts';
import {
  json,
  pageAfter,
  type ResourceReply,
  type ResourceRequest,
  readLimit,
} from '../resources.ts';
import { invalidRequest } from './errors.ts';
import {
  checkBytes,
  checkPurpose,
  MAX_BATCH_INPUT_BYTES,
  readExpiry,
  unknownFile,
} from './file-rules.ts';
import { renderFile } from './file-store.ts';
import { bytesOf, groupOf, readForm, textOf } from './multipart.ts';

/** Documented: 10,000 files on a page, which is also the usual number. */
const MOST_FILES = 10_000;

/** POST /v1/files. */
export async function createFile(
  desk: BatchDesk,
  request: ResourceRequest,
  isAzure: boolean,
): Promise<ResourceReply | Problem> {
  const form = await readForm(request);
  const file = form?.get('file');
  if (form === undefined || !(file instanceof File)) {
    return invalidRequest("'file' is a required property", 'file', null);
  }
  const purpose = textOf(form, 'purpose');
  const misnamed = checkPurpose(purpose, file.name);
  if (misnamed) return misnamed;
  const most = desk.settings.maxInputBytes ?? MAX_BATCH_INPUT_BYTES;
  const oversize = checkBytes(file.size, purpose ?? '', most);
  if (oversize) return oversize;
  const expiresAfterSeconds = readExpiry(groupOf(form, 'expires_after'), 'expires_after');
  if (typeof expiresAfterSeconds === 'object') return expiresAfterSeconds;
  const stored = desk.files.add(
    {
      purpose: purpose ?? '',
      filename: file.name,
      content: await bytesOf(file),
      createdAtMs: desk.nowMs(),
      expiresAfterSeconds,
    },
    isAzure,
  );
  return json(renderFile(stored, true));
}

/** GET /v1/files: newest first unless asked otherwise. */
export function listFiles(desk: BatchDesk, { query }: ResourceRequest): ResourceReply | Problem {
  const limit = readLimit(query, MOST_FILES, MOST_FILES);
  if (limit === undefined) return invalidLimit(query, MOST_FILES);
  const purpose = query.get('purpose');
  const visible = desk.files
    .all(desk.nowMs())
    .filter((file) => desk.isListed(file) && (purpose === null || file.purpose === purpose));
  if (query.get('order') !== 'asc') visible.reverse();
  const found = pageAfter(visible, query.get('after'), limit);
  if (found === undefined) return unknownFile(query.get('after') ?? '');
  return json(
    renderList(
      found.page.map((file) => renderFile(file)),
      found,
    ),
  );
}

/** GET /v1/files/{id}. */
export function retrieveFile(desk: BatchDesk, id: string): ResourceReply | Problem {
  const file = desk.files.find(id, desk.nowMs());
  return file ? json(renderFile(file)) : unknownFile(id);
}

/** DELETE /v1/files/{id}. */
export function deleteFile(desk: BatchDesk, id: string): ResourceReply | Problem {
  if (!desk.files.find(id, desk.nowMs())) return unknownFile(id);
  desk.files.delete(id);
  return json({ object: 'file', deleted: true, id });
}

/** GET /v1/files/{id}/content. */
export function downloadFile(desk: BatchDesk, id: string): ResourceReply | Problem {
  const file = desk.files.find(id, desk.nowMs());
  if (!file) return unknownFile(id);
  file.isDownloaded = true;
  file.onDownload?.();
  return {
    contentType: 'application/octet-stream',
    headers: ['content-disposition', `attachment; filename="${headerSafe(file.filename)}"`],
    body: file.content,
  };
}

/** A header takes neither quotes nor letters beyond ASCII. */
function headerSafe(filename: string): string {
  return filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
}

/** A page with its cursors, as lists of files and batches are. */
export function renderList(
  data: readonly object[],
  {
    page,
    hasMore,
  }: { readonly page: readonly { readonly id: string }[]; readonly hasMore: boolean },
): object {
  return {
    object: 'list',
    data,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

export function invalidLimit(query: URLSearchParams, most: number): Problem {
  const text = `Invalid 'limit': expected an integer from 1 to ${most}, but got ${query.get('limit')} instead.`;
  return invalidRequest(text, 'limit', 'invalid_value');
}
