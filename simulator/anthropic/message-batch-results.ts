import type { BatchSettings, RowKind } from '../batches/options.ts';
import { ResultWriter } from '../batches/result-writer.ts';
import type { RowWorker, WrittenPrefixes } from '../batches/row-worker.ts';
import { doneAtMs } from '../batches/timeline.ts';
import type { RequestRecord } from '../books.ts';
import { isProblem, type Problem } from '../call.ts';
import { anthropicFault, invalidMessage, renderAnthropicProblem } from './errors.ts';
import type { MessageBatch, ResultCounts } from './message-batch.ts';
import { paramsOf, readParams } from './message-batch-input.ts';

interface Results {
  readonly content: Buffer;
  readonly counts: ResultCounts;
  readonly answered: readonly RequestRecord[];
}

const LOW_CREDIT = invalidMessage(
  'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
);

/** Works on the requests that were done and writes one line for each, done or not. */
export function writeMessageResults(
  batch: MessageBatch,
  done: number,
  rest: 'canceled' | 'expired',
  worker: RowWorker,
  { rows }: BatchSettings,
  endedAtMs: number,
): Results {
  const { lines, plan, timeline, fate, total } = batch;
  const writer = new ResultWriter(rows, fate.base);
  const written: WrittenPrefixes = new Map();
  const counts = { succeeded: 0, errored: 0, canceled: 0, expired: 0 };
  const answered: RequestRecord[] = [];
  const order = plan?.order ?? new Uint32Array();
  const write = (index: number, result: string): void =>
    writer.write(line(batch.customIds[index] ?? '', result));
  for (const [nth, index] of order.subarray(0, done).entries()) {
    const kind = plan?.kindOf(index) ?? 'ok';
    const call = lines && readParams(paramsOf(lines, index), worker);
    if (lines === undefined || call === undefined) continue;
    const problem = isProblem(call) ? call : problemOf(kind, fate.ending === 'fail');
    if (isProblem(call) || problem !== undefined) {
      counts.errored += 1;
      const error = renderAnthropicProblem(problem ?? LOW_CREDIT, worker.provider.nextId());
      write(index, `{"type":"errored","error":${error}}`);
      continue;
    }
    counts.succeeded += 1;
    if (kind === 'absent') continue;
    const ranAtMs = doneAtMs(timeline, nth, total);
    const worked = worker.work(call, lines.at(index), ranAtMs, written);
    answered.push(worked.record);
    write(index, `{"type":"succeeded","message":${worked.body}}`);
  }
  worker.warm(written, endedAtMs);
  for (const index of order.subarray(done)) {
    counts[rest] += 1;
    write(index, `{"type":"${rest}"}`);
  }
  const foreign = (nth: number): string => line(`foreign-${nth}`, '{"type":"canceled"}');
  return { content: writer.finish(foreign), counts, answered };
}

/** `result` is JSON already. */
function line(customId: string, result: string): string {
  return `{"custom_id":${JSON.stringify(customId)},"result":${result}}`;
}

function problemOf(kind: RowKind, isOutOfCredit: boolean): Problem | undefined {
  if (isOutOfCredit) return LOW_CREDIT;
  switch (kind) {
    case 'http400':
      return invalidMessage('The request was refused. (Simulated failure.)');
    case 'http429':
      return anthropicFault('http529');
    case 'http500':
    case 'lost':
      return anthropicFault('http500');
    default:
      return undefined;
  }
}
