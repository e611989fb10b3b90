import { Lines } from '../batches/lines.ts';
import { QueueEntry } from '../batches/queue-entry.ts';
import type { RowWorker } from '../batches/row-worker.ts';
import { type Call, type Endpoint, isProblem, type Problem } from '../call.ts';
import { parseJson } from '../http.ts';
import { asString, isObject, type JsonObject } from '../json.ts';
import { invalidRequest } from './errors.ts';

/** One entry of a batch's list of errors. */
export interface BatchError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

/** An input file that passed validation. */
export interface BatchInput {
  readonly lines: Lines;
  readonly customIds: readonly string[];
  readonly model: string;
  readonly queue: QueueEntry;
}

export interface InputRules {
  /** Undefined for a route that the simulator cannot run. */
  readonly endpoint: Endpoint | undefined;
  /** As the batch names it. */
  readonly url: string;
  readonly maxRequests: number;
  readonly maxBytes: number;
}

/** Lists of errors end here. Assumed. */
const MOST_ERRORS = 100;

/**
 * Validates an input file line by line. Of a body only the model counts: whatever else is wrong
 * with it fails its own row, later.
 */
export function readInput(
  content: Buffer,
  rules: InputRules,
  worker: RowWorker,
): BatchInput | readonly BatchError[] {
  const lines = new Lines(content);
  const whole = checkWhole(content, lines, rules);
  if (whole) return [whole];
  const errors: BatchError[] = [];
  const reader = new RowReader(rules, worker);
  for (let index = 0; index < lines.length && errors.length < MOST_ERRORS; index += 1) {
    const found = reader.read(parseJson(lines.at(index)), index);
    if (found) errors.push({ ...found, line: lines.numberOf(index) });
  }
  return errors.length > 0 ? errors : { lines, ...reader.summary() };
}

function checkWhole(
  content: Buffer,
  lines: Lines,
  { maxRequests, maxBytes }: InputRules,
): BatchError | undefined {
  const make = (code: string, message: string) => ({ code, message, param: null, line: null });
  if (content.length > maxBytes) {
    const text = `The input file has ${content.length} bytes, more than the maximum of ${maxBytes}.`;
    return make('invalid_request', text);
  }
  if (lines.length === 0)
    return make(
      'empty_file',
      'The input file is empty. Please ensure that the batch contains at least one request.',
    );
  if (lines.length <= maxRequests) return undefined;
  const most = maxRequests.toLocaleString('en-US');
  return make(
    'too_many_tasks',
    `The number of requests in the batch file exceeds the limit. Limit: ${most} requests per batch.`,
  );
}

type Finding = Omit<BatchError, 'line'>;

/** Reads rows one after another and sums up what they ask for. */
class RowReader {
  readonly #rules: InputRules;
  readonly #worker: RowWorker;
  readonly #customIds = new Set<string>();
  readonly #queue = new QueueEntry();
  #model: string | undefined;

  constructor(rules: InputRules, worker: RowWorker) {
    this.#rules = rules;
    this.#worker = worker;
  }

  /** What is wrong with a row, or undefined. */
  read(line: unknown, index: number): Finding | undefined {
    if (!isObject(line)) {
      const message = 'This line is not parseable as valid JSON.';
      return { code: 'invalid_json_line', message, param: null };
    }
    const found = this.#checkFrame(line) ?? this.#checkModel(line['body']);
    if (found) return found;
    const { endpoint } = this.#rules;
    const call = readRow(line['body'], endpoint, this.#worker);
    if (isProblem(call)) this.#queue.addBad(index);
    else this.#queue.add(this.#worker.recordOf(call, JSON.stringify(line['body'])), call);
    return undefined;
  }

  summary(): Omit<BatchInput, 'lines'> {
    return { customIds: [...this.#customIds], model: this.#model ?? '', queue: this.#queue };
  }

  #checkFrame(line: JsonObject): Finding | undefined {
    const { url } = this.#rules;
    const customId = asString(line['custom_id']);
    for (const name of ['custom_id', 'method', 'url', 'body']) {
      if (name === 'custom_id' ? customId !== undefined : line[name] !== undefined) continue;
      const message = `Missing required parameter: '${name}'.`;
      return { code: 'missing_required_parameter', message, param: name };
    }
    if (line['method'] !== 'POST') {
      const message = `Invalid method: '${String(line['method'])}'. Only POST is supported.`;
      return { code: 'invalid_method', message, param: 'method' };
    }
    if (pathOf(asString(line['url']) ?? '') !== pathOf(url)) {
      const message = `The URL provided for this request does not match the batch endpoint: ${url}.`;
      return { code: 'url_mismatch', message, param: 'url' };
    }
    if (customId === undefined || this.#customIds.has(customId)) {
      const message =
        'The custom_id for this request is a duplicate of another request. Please ensure that every custom_id is unique.';
      return { code: 'duplicate_custom_id', message, param: 'custom_id' };
    }
    this.#customIds.add(customId);
    return undefined;
  }

  #checkModel(body: unknown): Finding | undefined {
    const own = isObject(body) ? asString(body['model']) : undefined;
    const param = 'body.model';
    if (own === undefined) {
      const message = `Missing required parameter: '${param}'.`;
      return { code: 'missing_required_parameter', message, param };
    }
    this.#model ??= own;
    if (own !== this.#model) {
      const message = `Mismatched model: all requests of a batch must name the same model. Expected '${this.#model}', found '${own}'.`;
      return { code: 'model_mismatch', message, param };
    }
    if (this.#worker.provider.modelSettings(own) !== undefined) return undefined;
    const message = `The provided model '${own}' is not supported by the Batch API.`;
    return { code: 'model_not_found', message, param };
  }
}

/** The call of a row, or why it fails when its turn comes. */
export function readRow(
  body: unknown,
  endpoint: Endpoint | undefined,
  worker: RowWorker,
): Call | Problem {
  if (endpoint === undefined) {
    return invalidRequest('The simulator does not run this endpoint in batches.', null, null);
  }
  if (isObject(body) && body['stream'] === true) {
    return invalidRequest('Streaming is not supported in the Batch API.', 'stream', null);
  }
  const call = worker.read(endpoint, body);
  // Documented: the discount of cached prompts does not add to that of the batch.
  return isProblem(call) ? call : { ...call, caching: 'none' };
}

/** Azure writes routes without the version. */
function pathOf(url: string): string {
  return url.replace(/^\/v1(?=\/)/, '');
}

/** A row of a file that was found valid. */
export function rowOf(lines: Lines, index: number): { customId: string; body: JsonObject } {
  const line = parseJson(lines.at(index));
  const row: JsonObject = isObject(line) ? line : {};
  const body = row['body'];
  return { customId: asString(row['custom_id']) ?? '', body: isObject(body) ? body : {} };
}
