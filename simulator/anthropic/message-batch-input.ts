import { Lines } from '../batches/lines.ts';
import { QueueEntry } from '../batches/queue-entry.ts';
import type { RowWorker } from '../batches/row-worker.ts';
import { type Call, isProblem, type Problem } from '../call.ts';
import { parseJson } from '../http.ts';
import { asArray, asString, isObject, type JsonObject } from '../json.ts';
import { invalidMessage } from './errors.ts';
import { messages } from './messages.ts';

const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/** Requests of a batch, found to have good names. */
export interface MessageBatchInput {
  readonly lines: Lines;
  readonly customIds: readonly string[];
  readonly queue: QueueEntry;
}

/** Checks the names at once; parameters only fail their own request, later. */
export function readRequests(
  body: unknown,
  maxRequests: number,
  worker: RowWorker,
): MessageBatchInput | Problem {
  const requests = isObject(body) ? body['requests'] : undefined;
  if (requests === undefined) return invalidMessage('requests: Field required');
  const list = asArray(requests);
  if (!list) return invalidMessage('requests: Input should be a valid list');
  if (list.length === 0) {
    return invalidMessage('requests: List should have at least 1 item after validation, not 0');
  }
  if (list.length > maxRequests) {
    return invalidMessage(
      `requests: List should have at most ${maxRequests} items after validation, not ${list.length}`,
    );
  }
  const customIds = new Set<string>();
  const queue = new QueueEntry();
  const texts: string[] = [];
  for (const [index, request] of list.entries()) {
    const refused = checkRequest(request, index, customIds);
    if (refused) return refused;
    const params = isObject(request) ? request['params'] : undefined;
    const text = JSON.stringify(params);
    const call = readParams(params, worker);
    if (isProblem(call)) queue.addBad(index);
    else queue.add(worker.recordOf(call, text), call);
    texts.push(text);
  }
  const lines = new Lines(Buffer.from(texts.join('\n')));
  return { lines, customIds: [...customIds], queue };
}

function checkRequest(
  request: unknown,
  index: number,
  customIds: Set<string>,
): Problem | undefined {
  const path = `requests.${index}`;
  const given: JsonObject = isObject(request) ? request : {};
  const customId = asString(given['custom_id']);
  if (customId === undefined) return invalidMessage(`${path}.custom_id: Field required`);
  if (!CUSTOM_ID.test(customId)) {
    return invalidMessage(`${path}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'`);
  }
  if (customIds.has(customId)) {
    return invalidMessage(
      `${path}.custom_id: Duplicate custom_id '${customId}'; each must be unique`,
    );
  }
  if (!isObject(given['params'])) return invalidMessage(`${path}.params: Field required`);
  customIds.add(customId);
  return undefined;
}

/** The call of one request, or why it is errored when its turn comes. */
export function readParams(params: unknown, worker: RowWorker): Call | Problem {
  if (isObject(params) && params['stream'] === true) {
    return invalidMessage('stream: streaming is not supported in message batches');
  }
  if (isObject(params) && params['speed'] === 'fast') {
    return invalidMessage('speed: fast mode is not supported in message batches');
  }
  return worker.read(messages, params);
}

/** The parameters of a request that was found to have a good name. */
export function paramsOf(lines: Lines, index: number): unknown {
  return parseJson(lines.at(index));
}
