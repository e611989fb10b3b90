import type { BatchDesk } from '../batches/desk.ts';
import type { Problem } from '../call.ts';
import { parseJson } from '../http.ts';
import {
  json,
  type Operation,
  pageAfter,
  type ResourceReply,
  type ResourceRequest,
  type ResourceRoute,
  readLimit,
} from '../resources.ts';
import { anthropic } from './dialect.ts';
import { anthropicProblem, invalidMessage } from './errors.ts';
import { type MessageBatch, renderMessageBatch } from './message-batch.ts';
import { readRequests } from './message-batch-input.ts';
import { MessageBatchLife } from './message-batch-life.ts';

const PATH = '/v1/messages/batches';

/** Documented. */
const MAX_REQUESTS = 100_000;
const MAX_BODY_BYTES = 268_435_456;
const MOST_BATCHES = 1_000;
const USUAL_BATCHES = 20;

/** Recorded: an unfinished batch says when to look again. Unit: s. */
const RETRY_AFTER = ['retry-after', '10'];

type Handler = (request: ResourceRequest, id: string) => ResourceReply | Problem;

/** Routes of message batches. */
export function createAnthropicResources(
  desk: BatchDesk,
): (method: string, path: string) => ResourceRoute | undefined {
  const life = new MessageBatchLife(desk);
  const entries: Readonly<Record<string, readonly [Operation, Handler]>> = {
    POST: ['batches.create', (request) => create(desk, life, request)],
    GET: ['batches.list', (request) => list(desk, request)],
    'GET *': [
      'batches.retrieve',
      ({ origin }, id) => withBatch(desk, id, (one) => show(one, origin)),
    ],
    'DELETE *': ['batches.delete', (_, id) => withBatch(desk, id, (one) => remove(desk, one))],
    'POST */cancel': [
      'batches.cancel',
      ({ origin }, id) => withBatch(desk, id, (one) => cancel(desk, life, one, origin)),
    ],
    'GET */results': ['batches.results', (_, id) => withBatch(desk, id, download)],
  };
  return (method, path) => {
    if (path !== PATH && !path.startsWith(`${PATH}/`)) return undefined;
    const [id = '', ...rest] = path.slice(PATH.length + 1).split('/');
    const entry = entries[id === '' ? method : `${method} ${['*', ...rest].join('/')}`];
    if (entry === undefined) return undefined;
    const [operation, handle] = entry;
    return {
      operation,
      dialect: anthropic,
      precondition: 'anthropic-version',
      maxBytes: MAX_BODY_BYTES,
      tooLarge: anthropicProblem(
        413,
        'request_too_large',
        'Request exceeds the maximum size of 256 MB',
      ),
      handle: (request) => handle(request, id),
    };
  };
}

function create(
  desk: BatchDesk,
  life: MessageBatchLife,
  { body, origin }: ResourceRequest,
): ResourceReply | Problem {
  const parsed = parseJson(body.toString());
  if (parsed === undefined) return invalidMessage('The request body is not valid JSON');
  const { settings, books } = desk;
  const input = readRequests(parsed, settings.maxRequests ?? MAX_REQUESTS, desk.worker);
  if ('message' in input) return input;
  const queued = books.queuedRequests + input.customIds.length;
  const limit = settings.queuedRequests ?? Number.POSITIVE_INFINITY;
  if (queued > limit) {
    return anthropicProblem(
      429,
      'rate_limit_error',
      `This request would exceed your organization's limit of ${limit.toLocaleString('en-US')} batch requests in the processing queue.`,
    );
  }
  return json(renderMessageBatch(life.create(input), origin));
}

/** Newest first; `after_id` leads to older ones, `before_id` back to newer ones. */
function list(desk: BatchDesk, { query, origin }: ResourceRequest): ResourceReply | Problem {
  const limit = readLimit(query, MOST_BATCHES, USUAL_BATCHES);
  if (limit === undefined) {
    return invalidMessage(`limit: Input should be an integer from 1 to ${MOST_BATCHES}`);
  }
  const newestFirst = [...desk.messageBatches.values()]
    .filter((one) => desk.isListed(one))
    .reverse();
  const before = query.get('before_id');
  const found =
    before === null
      ? pageAfter(newestFirst, query.get('after_id'), limit)
      : pageAfter(newestFirst.toReversed(), before, limit);
  if (found === undefined) return notFound(before ?? query.get('after_id') ?? '');
  const page = before === null ? found.page : found.page.toReversed();
  return json({
    data: page.map((batch) => renderMessageBatch(batch, origin)),
    has_more: found.hasMore,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  });
}

function withBatch(
  desk: BatchDesk,
  id: string,
  handle: (batch: MessageBatch) => ResourceReply | Problem,
): ResourceReply | Problem {
  const batch = desk.messageBatches.get(id);
  if (!batch || !desk.isReadable(batch)) return notFound(id);
  batch.isRetrieved = true;
  return handle(batch);
}

function show(batch: MessageBatch, origin: string): ResourceReply {
  const headers = batch.status === 'ended' ? [] : RETRY_AFTER;
  return json(renderMessageBatch(batch, origin), headers);
}

function cancel(
  desk: BatchDesk,
  life: MessageBatchLife,
  batch: MessageBatch,
  origin: string,
): ResourceReply | Problem {
  if (life.cancel(batch, desk.nowMs())) return show(batch, origin);
  return invalidMessage(`Batch ${batch.id} cannot be canceled because it has already ended.`);
}

function remove(desk: BatchDesk, { id, status }: MessageBatch): ResourceReply | Problem {
  if (status !== 'ended') {
    return invalidMessage(`Batch ${id} cannot be deleted while it is ${status}; cancel it first.`);
  }
  desk.messageBatches.delete(id);
  return json({ id, type: 'message_batch_deleted' });
}

function download(batch: MessageBatch): ResourceReply | Problem {
  const { id, results, archivedAtMs } = batch;
  if (results === undefined) {
    const why = archivedAtMs === undefined ? `it is still ${batch.status}` : 'it is archived';
    return invalidMessage(`Batch ${id} has no results available: ${why}.`);
  }
  batch.onDownload();
  return {
    contentType: 'application/x-jsonl',
    headers: ['content-disposition', `attachment; filename="${id}_results.jsonl"`],
    body: results,
  };
}

function notFound(id: string): Problem {
  return anthropicProblem(404, 'not_found_error', `Message batch not found: ${id}`);
}
