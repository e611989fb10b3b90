import type { BatchDesk } from '../batches/desk.ts';
import type { Problem } from '../call.ts';
import { parseJson } from '../http.ts';
import {
  json,
  pageAfter,
  type ResourceReply,
  type ResourceRequest,
  readLimit,
} from '../resources.ts';
import { type OpenAiBatch, renderBatch } from './batch.ts';
import type { BatchLife } from './batch-life.ts';
import { readBatchRequest, unknownBatch } from './batch-rules.ts';
import { invalidRequest } from './errors.ts';
import { invalidLimit, renderList } from './file-routes.ts';

/** Documented. */
const MOST_BATCHES = 100;
const USUAL_BATCHES = 20;

/** Which of the three APIs a request came by. */
export interface Api {
  readonly isAzure: boolean;
  /** Azure's API of dated versions. */
  readonly isOld: boolean;
}

/** POST /v1/batches. */
export function createBatch(
  desk: BatchDesk,
  life: BatchLife,
  request: ResourceRequest,
  api: Api,
): ResourceReply | Problem {
  const body = parseJson(request.body.toString());
  const order = readBatchRequest(body, api.isAzure, desk.settings.windows);
  if ('status' in order) return order;
  const { inputFileId } = order;
  const file = desk.files.find(inputFileId, desk.nowMs());
  if (!file) {
    return invalidRequest(`No such File object: ${inputFileId}`, 'input_file_id', null);
  }
  if (file.purpose !== 'batch') {
    const text = `Invalid input file ${inputFileId}: its purpose is '${file.purpose}', expected 'batch'.`;
    return invalidRequest(text, 'input_file_id', 'invalid_value');
  }
  const batch = life.create({ ...order, isAzure: api.isAzure }, file);
  return show(desk, batch, api);
}

/** GET /v1/batches: newest first. */
export function listBatches(
  desk: BatchDesk,
  { query }: ResourceRequest,
  api: Api,
): ResourceReply | Problem {
  const limit = readLimit(query, MOST_BATCHES, USUAL_BATCHES);
  if (limit === undefined) return invalidLimit(query, MOST_BATCHES);
  const visible = [...desk.openAiBatches.values()]
    .filter((batch) => desk.isListed(batch))
    .reverse();
  const after = query.get('after');
  const found = pageAfter(visible, after, limit);
  if (found === undefined) return unknownBatch(after ?? '');
  const data = found.page.map((batch) => render(desk, batch, api));
  const list = renderList(data, found);
  return json(
    desk.settings.quirks.has('value_list') ? { ...list, data: undefined, value: data } : list,
  );
}

/** GET /v1/batches/{id}. */
export function retrieveBatch(desk: BatchDesk, id: string, api: Api): ResourceReply | Problem {
  const batch = desk.openAiBatches.get(id);
  if (!batch || !desk.isReadable(batch)) return unknownBatch(id);
  batch.isRetrieved = true;
  return show(desk, batch, api);
}

/** POST /v1/batches/{id}/cancel. */
export function cancelBatch(
  desk: BatchDesk,
  life: BatchLife,
  id: string,
  api: Api,
): ResourceReply | Problem {
  const batch = desk.openAiBatches.get(id);
  if (!batch || !desk.isReadable(batch)) return unknownBatch(id);
  batch.isRetrieved = true;
  if (life.cancel(batch, desk.nowMs())) return show(desk, batch, api);
  const text = `Cannot cancel a batch with status '${batch.status}'.`;
  return { ...invalidRequest(text, null, null), status: 409 };
}

function show(desk: BatchDesk, batch: OpenAiBatch, api: Api): ResourceReply {
  return json(render(desk, batch, api));
}

function render(desk: BatchDesk, batch: OpenAiBatch, { isOld }: Api): object {
  return renderBatch(batch, desk.nowMs(), desk.settings.quirks, isOld);
}
