/** The rows of an output, streamed. */

import type { NativeRow } from '../../../domain/native/native-batch.ts';
import type { NativeBatchFailure, NativeRowsQuery } from '../../../ports/native-batch-provider.ts';
import { isRecord, parseJson } from '../json.ts';
import { type OpenedStream, StreamBroken } from '../stream-transport.ts';
import type { WireHeaders } from '../wire-headers.ts';
import { type CallContext, failure, failureOf } from './call-failure.ts';
import { readLines, UnboundedLines } from './line-reader.ts';
import type { NativeBatchParts } from './native-batch-parts.ts';

/** To the head of an answer; a large file may have to be fetched from afar. Unit: ms. */
const HEAD_MS = 120_000;
/** For a whole output, our own work on its rows included; what is left can be read later. Unit: ms. */
const TOTAL_MS = 3_600_000;
/** An output has as many lines as its batch has rows, or fewer; repeated ones are borne with. */
const LINES_PER_ROW = 2;
const LONGEST_ERROR_BYTES = 262_144;

/** Rows from `query.fromRow` on; ends after the first failure. */
export async function* readRows(
  parts: NativeBatchParts,
  query: NativeRowsQuery,
  signal: AbortSignal,
): AsyncGenerator<NativeRow | NativeBatchFailure, void> {
  const { native, dialect, headers, streams, redactor, clock, wire, timeouts } = parts;
  const opened = await streams.open(
    {
      path: dialect.routeOf(native.outputPath(query.output)),
      // Outputs are not JSON as a whole, and not every provider calls them the same.
      headers: headers.map((text, at) => (headers[at - 1] === 'accept' ? '*/*' : text)),
      headersMs: Math.min(HEAD_MS, timeouts.headersMs),
      totalMs: TOTAL_MS,
    },
    signal,
  );
  const context = (): CallContext => ({
    model: query.model,
    isWrite: false,
    isAboutOne: true,
    redactor,
    nowMs: clock.nowMs(),
  });
  if (opened.kind === 'not_received') {
    yield failureOf(opened, context());
    return;
  }
  try {
    if (opened.statusCode < 200 || opened.statusCode > 299) {
      yield failureOf({ ...opened, kind: 'received', text: await startOf(opened) }, context());
      return;
    }
    let at = 0;
    const bounds = {
      longestBytes: wire.maxAnswerBytes,
      mostLines: native.limits.mostRows * LINES_PER_ROW,
    };
    for await (const { text, isTerminated } of readLines(opened.chunks(), bounds)) {
      const isSkipped = at < query.fromRow;
      if (isSkipped && isTerminated) {
        at += 1;
        continue;
      }
      const row = parseJson(text);
      if (row === undefined && !isTerminated) {
        yield failure('provider_malformed', 'The output ends in the middle of a line', context());
        return;
      }
      if (at === 0 && row === undefined && /^\s*</.test(text)) {
        yield failure('provider_malformed', 'The output is a web page, not rows', context());
        return;
      }
      at += 1;
      if (isSkipped) continue;
      if (!isRecord(row)) yield { kind: 'unreadable', reason: 'The line is not a JSON object' };
      else yield masked(native.readRow({ row, json: text }, query), parts);
    }
    if (at === 0 && !isFramed(opened.headers)) {
      const detail = 'The output is empty, and without a length: it may have been cut short';
      yield failure('provider_malformed', detail, context());
    }
  } catch (error) {
    if (error instanceof StreamBroken) yield failureOf(error.ended, context());
    else if (error instanceof UnboundedLines) {
      yield failure('provider_malformed', `The output cannot be read: ${error.message}`, context());
    } else throw error;
  }
}

/** Without either, the end of the connection is the end of the answer, and a cut looks the same. */
function isFramed(headers: WireHeaders): boolean {
  return ['content-length', 'transfer-encoding'].some((name) => headers[name] !== undefined);
}

/** As much of an error as is looked at. */
async function startOf(opened: OpenedStream): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of opened.chunks()) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > LONGEST_ERROR_BYTES) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Without our key, should the provider quote it. */
function masked(row: NativeRow, { redactor }: NativeBatchParts): NativeRow {
  switch (row.kind) {
    case 'answered':
      return { ...row, bodyJson: redactor.content(row.bodyJson) };
    case 'failed': {
      const bodyJson = row.bodyJson === null ? null : redactor.content(row.bodyJson);
      return { ...row, message: redactor.message(row.message), bodyJson };
    }
    default:
      return row;
  }
}
