import type { BatchSettings } from '../batches/options.ts';
import { ResultWriter } from '../batches/result-writer.ts';
import type { RowWorker } from '../batches/row-worker.ts';
import { doneAtMs } from '../batches/timeline.ts';
import type { RequestRecord } from '../books.ts';
import { type Endpoint, isProblem, type Problem } from '../call.ts';
import type { BatchUsage, OpenAiBatch } from './batch.ts';
import { type BatchInput, readRow, rowOf } from './batch-input.ts';
import { invalidRequest, openAiFault, renderOpenAiProblem } from './errors.ts';

/** What a batch leaves behind. */
export interface BatchResults {
  /** Undefined when the file has no row. */
  readonly output: Buffer | undefined;
  readonly errors: Buffer | undefined;
  readonly usage: BatchUsage;
  /** Requests with a good answer in the output file. */
  readonly answered: readonly RequestRecord[];
}

interface Ending {
  readonly done: number;
  /** What the rows that were not done say, or undefined when they are in no file. */
  readonly unfinished: { readonly code: string; readonly message: string } | undefined;
}

/** Works on the rows that were done, and writes both files. */
export function writeResults(
  batch: OpenAiBatch,
  input: BatchInput,
  { done, unfinished }: Ending,
  endpoint: Endpoint | undefined,
  worker: RowWorker,
  { rows }: BatchSettings,
): BatchResults {
  const { plan, timeline, fate } = batch;
  const output = new ResultWriter(rows, fate.base);
  const errors = new ResultWriter({ ...rows, foreign: 0, malformed: 0 }, fate.base + 1);
  const nextId = (): string => worker.provider.nextId();
  const answered: RequestRecord[] = [];
  let inputTokens = 0;
  let outputTokens = 0;
  const order = plan?.order ?? new Uint32Array();
  for (const [nth, index] of arranged(order.subarray(0, done), rows.order).entries()) {
    const { customId, body } = rowOf(input.lines, index);
    const kind = plan?.kindOf(index) ?? 'ok';
    if (kind === 'absent') continue;
    if (kind === 'lost') {
      output.write(line(nextId(), customId, '{"status_code":0,"request_id":"","body":{}}', null));
      continue;
    }
    const call = readRow(body, endpoint, worker);
    if (isProblem(call) || kind !== 'ok') {
      const problem = isProblem(call) ? call : drawnProblem(kind, call.model);
      const response = respond(problem.status, nextId(), renderOpenAiProblem(problem, ''));
      errors.write(line(nextId(), customId, response, null));
      continue;
    }
    const ranAtMs = doneAtMs(timeline, nth, input.lines.length);
    const worked = worker.work(call, JSON.stringify(body), ranAtMs, new Map());
    inputTokens += worked.usage.promptTokens;
    outputTokens += worked.usage.outputTokens;
    answered.push(worked.record);
    output.write(line(nextId(), customId, respond(200, nextId(), worked.body), null));
  }
  if (unfinished) {
    for (const index of arranged(order.subarray(done), rows.order)) {
      errors.write(line(nextId(), input.customIds[index] ?? '', 'null', unfinished));
    }
  }
  const foreign = (nth: number): string => {
    const response = respond(200, nextId(), '{"object":"chat.completion","choices":[]}');
    return line(nextId(), `foreign-${nth}`, response, null);
  };
  return {
    output: output.count > 0 ? output.finish(foreign) : undefined,
    errors: errors.count > 0 ? errors.finish(foreign) : undefined,
    usage: { inputTokens, outputTokens },
    answered,
  };
}

function arranged(order: Uint32Array, by: 'completion' | 'input'): Uint32Array {
  return by === 'completion' ? order : order.toSorted();
}

/** `response` is JSON already, so that answers are not parsed to be written again. */
function line(id: string, customId: string, response: string, error: object | null): string {
  return `{"id":"batch_req_${id}","custom_id":${JSON.stringify(customId)},"response":${response},"error":${JSON.stringify(error)}}`;
}

function respond(status: number, requestId: string, body: string): string {
  return `{"status_code":${status},"request_id":"${requestId}","body":${body}}`;
}

function drawnProblem(kind: string, model: string): Problem {
  if (kind === 'http429') return openAiFault('http429', model);
  if (kind === 'http500') return openAiFault('http500', model);
  return invalidRequest('The request was refused. (Simulated failure.)', null, 'invalid_value');
}
