import { createHash } from 'node:crypto';
import type { BatchDesk } from '../batches/desk.ts';
import type { Problem } from '../call.ts';
import { parseJson } from '../http.ts';
import { asArray, asInteger, asString, isObject, type JsonObject } from '../json.ts';
import { json, type ResourceReply, type ResourceRequest } from '../resources.ts';
import { invalidRequest } from './errors.ts';
import { checkBytes, checkPurpose, MAX_BATCH_INPUT_BYTES, readExpiry } from './file-rules.ts';
import { renderFile, type StoredFile } from './file-store.ts';
import { bytesOf, readForm } from './multipart.ts';
import type { Upload } from './upload.ts';

/** Documented: an upload waits an hour for its parts. Unit: ms. */
const UPLOAD_LIFE_MS = 3_600_000;

/** Documented: 8 GB together. Unit: bytes. */
const MAX_UPLOAD_BYTES = 8_589_934_592;

/** POST /v1/uploads. */
export function createUpload(
  desk: BatchDesk,
  request: ResourceRequest,
  isAzure: boolean,
): ResourceReply | Problem {
  const body = parseJson(request.body.toString());
  if (!isObject(body)) return invalidRequest('The body must be a JSON object.', null, null);
  const bytes = asInteger(body['bytes'], 1);
  const filename = asString(body['filename']);
  if (bytes === undefined || bytes > MAX_UPLOAD_BYTES) {
    const text = `Invalid 'bytes': expected an integer from 1 to ${MAX_UPLOAD_BYTES}.`;
    return invalidRequest(text, 'bytes', 'invalid_value');
  }
  for (const name of ['filename', 'mime_type']) {
    if (asString(body[name]) !== undefined) continue;
    const text = `Missing required parameter: '${name}'.`;
    return invalidRequest(text, name, 'missing_required_parameter');
  }
  const purpose = asString(body['purpose']);
  const most = desk.settings.maxInputBytes ?? MAX_BATCH_INPUT_BYTES;
  const refused = checkPurpose(purpose, filename ?? '') ?? checkBytes(bytes, purpose ?? '', most);
  if (refused) return refused;
  const expiresAfterSeconds = readExpiry(body['expires_after'], 'expires_after');
  if (typeof expiresAfterSeconds === 'object') return expiresAfterSeconds;
  const upload: Upload = {
    id: `upload_${desk.nextId()}`,
    bytes,
    filename: filename ?? '',
    purpose: purpose ?? '',
    createdAtMs: desk.nowMs(),
    expiresAfterSeconds,
    isAzure,
    parts: new Map(),
    status: 'pending',
  };
  desk.uploads.set(upload.id, upload);
  return json(renderUpload(upload));
}

/** POST /v1/uploads/{id}/parts. */
export async function addPart(
  desk: BatchDesk,
  id: string,
  request: ResourceRequest,
): Promise<ResourceReply | Problem> {
  const upload = findPending(desk, id);
  if ('message' in upload) return upload;
  const data = (await readForm(request))?.get('data');
  if (!(data instanceof File)) return invalidRequest("'data' is a required property", 'data', null);
  const part = `part_${desk.nextId()}`;
  upload.parts.set(part, await bytesOf(data));
  const created = Math.floor(desk.nowMs() / 1_000);
  return json({ id: part, object: 'upload.part', created_at: created, upload_id: id });
}

/** POST /v1/uploads/{id}/complete: the parts in the order given make the file. */
export function completeUpload(
  desk: BatchDesk,
  id: string,
  request: ResourceRequest,
): ResourceReply | Problem {
  const upload = findPending(desk, id);
  if ('message' in upload) return upload;
  const given = parseJson(request.body.toString());
  const body: JsonObject = isObject(given) ? given : {};
  const parts: Buffer[] = [];
  for (const partId of asArray(body['part_ids']) ?? []) {
    const part = upload.parts.get(String(partId));
    if (!part) return invalidRequest(`No such part: ${partId}`, 'part_ids', null);
    parts.push(part);
  }
  const content = Buffer.concat(parts);
  if (content.length !== upload.bytes) {
    const text = `The parts have ${content.length} bytes together, but the upload was created for ${upload.bytes}.`;
    return invalidRequest(text, 'part_ids', null);
  }
  const md5 = asString(body['md5']);
  if (md5 !== undefined && createHash('md5').update(content).digest('hex') !== md5) {
    return invalidRequest('The md5 checksum does not match the bytes received.', 'md5', null);
  }
  const { purpose, filename, expiresAfterSeconds } = upload;
  const file = desk.files.add(
    { purpose, filename, content, createdAtMs: desk.nowMs(), expiresAfterSeconds },
    upload.isAzure,
  );
  upload.status = 'completed';
  upload.parts.clear();
  return json(renderUpload(upload, file));
}

/** POST /v1/uploads/{id}/cancel. */
export function cancelUpload(desk: BatchDesk, id: string): ResourceReply | Problem {
  const upload = findPending(desk, id);
  if ('message' in upload) return upload;
  upload.status = 'cancelled';
  upload.parts.clear();
  return json(renderUpload(upload));
}

function findPending(desk: BatchDesk, id: string): Upload | Problem {
  const upload = desk.uploads.get(id);
  if (!upload)
    return { ...invalidRequest(`No such Upload object: ${id}`, 'id', null), status: 404 };
  const isExpired = desk.nowMs() >= upload.createdAtMs + UPLOAD_LIFE_MS;
  const status = upload.status === 'pending' && isExpired ? 'expired' : upload.status;
  if (status === 'pending') return upload;
  return invalidRequest(`Upload ${id} is ${status}; only a pending upload changes.`, null, null);
}

function renderUpload(upload: Upload, file?: StoredFile): object {
  return {
    id: upload.id,
    object: 'upload',
    bytes: upload.bytes,
    created_at: Math.floor(upload.createdAtMs / 1_000),
    filename: upload.filename,
    purpose: upload.purpose,
    status: upload.status,
    expires_at: Math.floor((upload.createdAtMs + UPLOAD_LIFE_MS) / 1_000),
    file: file ? renderFile(file, true) : null,
  };
}
