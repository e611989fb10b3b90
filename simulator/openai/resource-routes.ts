import type { BatchDesk } from '../batches/desk.ts';
import type { Endpoint, Problem } from '../call.ts';
import type { Operation, ResourceReply, ResourceRequest, ResourceRoute } from '../resources.ts';
import { azureOpenAi } from './azure.ts';
import { BatchLife } from './batch-life.ts';
import { type Api, cancelBatch, createBatch, listBatches, retrieveBatch } from './batch-routes.ts';
import { openAi } from './dialect.ts';
import { invalidRequest } from './errors.ts';
import { createFile, deleteFile, downloadFile, listFiles, retrieveFile } from './file-routes.ts';
import { MAX_FILE_BYTES } from './file-rules.ts';
import { findOpenAiRoute } from './routes.ts';
import { addPart, cancelUpload, completeUpload, createUpload } from './upload-routes.ts';

/** Documented: 64 MB a part. Room is left for the frame around it. Unit: bytes. */
const MAX_PART_BYTES = 67_108_864;
const FRAME_BYTES = 65_536;
const MAX_JSON_BYTES = 1_048_576;

type Handler = (
  request: ResourceRequest,
  id: string,
  api: Api,
) => ResourceReply | Problem | Promise<ResourceReply | Problem>;

interface Entry {
  readonly operation: Operation;
  readonly handle: Handler;
}

/** Routes of files, uploads and batches, at OpenAI and in both of Azure's APIs. */
export function createOpenAiResources(
  desk: BatchDesk,
): (method: string, path: string) => ResourceRoute | undefined {
  const life = new BatchLife(desk, endpointOf);
  const entries: Readonly<Record<string, Entry>> = {
    'POST files': on('files.create', (request, _, api) => createFile(desk, request, api.isAzure)),
    'GET files': on('files.list', (request) => listFiles(desk, request)),
    'GET files/*': on('files.retrieve', (_, id) => retrieveFile(desk, id)),
    'DELETE files/*': on('files.delete', (_, id) => deleteFile(desk, id)),
    'GET files/*/content': on('files.content', (_, id) => downloadFile(desk, id)),
    'POST uploads': on('uploads.create', (request, _, api) =>
      createUpload(desk, request, api.isAzure),
    ),
    'POST uploads/*/parts': on('uploads.part', (request, id) => addPart(desk, id, request)),
    'POST uploads/*/complete': on('uploads.complete', (request, id) =>
      completeUpload(desk, id, request),
    ),
    'POST uploads/*/cancel': on('uploads.cancel', (_, id) => cancelUpload(desk, id)),
    'POST batches': on('batches.create', (request, _, api) =>
      createBatch(desk, life, request, api),
    ),
    'GET batches': on('batches.list', (request, _, api) => listBatches(desk, request, api)),
    'GET batches/*': on('batches.retrieve', (_, id, api) => retrieveBatch(desk, id, api)),
    'POST batches/*/cancel': on('batches.cancel', (_, id, api) => cancelBatch(desk, life, id, api)),
  };
  return (method, path) => {
    const place = placeOf(path);
    if (place === undefined) return undefined;
    const [collection = '', id, ...rest] = place.below.split('/');
    const pattern = [collection, ...(id === undefined ? [] : ['*']), ...rest].join('/');
    const entry = entries[`${method} ${pattern}`];
    if (entry === undefined) return undefined;
    const { operation, handle } = entry;
    const maxBytes = mostBytes(operation);
    return {
      operation,
      dialect: place.isAzure ? azureOpenAi : openAi,
      maxBytes,
      tooLarge: tooLarge(operation, maxBytes),
      ...(place.isOld && { precondition: 'api-version' as const }),
      handle: (request) => handle(request, id ?? '', place),
    };
  };
}

function on(operation: Operation, handle: Handler): Entry {
  return { operation, handle };
}

/** A batch runs what the same route would run live. */
function endpointOf(url: string): Endpoint | undefined {
  return findOpenAiRoute(url.startsWith('/v1/') ? url : `/v1${url}`)?.endpoint;
}

function placeOf(path: string): (Api & { readonly below: string }) | undefined {
  const prefixes: readonly [string, Api][] = [
    ['/v1/', { isAzure: false, isOld: false }],
    ['/openai/v1/', { isAzure: true, isOld: false }],
    ['/openai/', { isAzure: true, isOld: true }],
  ];
  const found = prefixes.find(([prefix]) => path.startsWith(prefix));
  return found && { ...found[1], below: path.slice(found[0].length) };
}

function mostBytes(operation: Operation): number {
  if (operation === 'files.create') return MAX_FILE_BYTES + FRAME_BYTES;
  return operation === 'uploads.part' ? MAX_PART_BYTES + FRAME_BYTES : MAX_JSON_BYTES;
}

function tooLarge(operation: Operation, maxBytes: number): Problem {
  const isJson = maxBytes === MAX_JSON_BYTES;
  const most = (isJson ? maxBytes : maxBytes - FRAME_BYTES).toLocaleString('en-US');
  const what = operation === 'files.create' ? 'File' : isJson ? 'The request body' : 'Part';
  const problem = invalidRequest(
    `${what} is too large. Maximum size is ${most} bytes.`,
    null,
    null,
  );
  return operation === 'files.create' ? problem : { ...problem, status: 413 };
}
