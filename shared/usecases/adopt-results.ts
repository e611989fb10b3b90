/**
 * Publishes the answers that a process received and did not live to publish.
 *
 * Every answer stands in the result log before its request is committed, so whatever a kill or a
 * loss of power took from the ledger is still there. Commits are conditional: reading a line
 * again, after a crash in here too, changes nothing.
 */

import { decodeResultLine } from '../contracts/result-line.ts';
import type { CompletionEvents } from '../ports/completion-events.ts';
import type { WorkStore } from '../ports/request-store.ts';
import type { CommitMarkStore, LoggedResult, ResultLogReader } from '../ports/result-log-reader.ts';

import { type EndedRequest, endOf } from './webhooks/tell-completions.ts';

/** Lines committed together. */
const LINES_PER_COMMIT = 500;

const decoder = new TextDecoder();

export interface AdoptionPorts {
  readonly log: ResultLogReader;
  readonly marks: CommitMarkStore;
  readonly work: Pick<WorkStore, 'commit'>;
  /** Who is told of what is published here. @default nobody */
  readonly events?: CompletionEvents;
}

export interface AdoptionReport {
  /** Lines read behind the marks. */
  readonly read: number;
  /** Published now. */
  readonly adopted: number;
  /** Whole results whose request had ended, or that no request here belongs to. */
  readonly superseded: number;
  /** Lines that are no result of ours; they are passed over for good. */
  readonly unreadable: number;
}

/** Adopts what the log holds behind the marks. Run it before anything is leased. */
export async function adoptResults({
  log,
  marks,
  work,
  events,
}: AdoptionPorts): Promise<AdoptionReport> {
  const report = { read: 0, adopted: 0, superseded: 0, unreadable: 0 };
  for await (const group of inGroups(log.tail(await marks.marks()))) {
    const found = group.lines.flatMap(readLine);
    const outcomes = found.map(({ outcome }) => outcome);
    const flags = await work.commit(outcomes);
    const ended = found.filter((_, index) => flags[index] === true).map(endOf);
    if (ended.length > 0) await events?.publish(ended);
    // Only now: a crash before this line reads the group again, and commits nothing twice.
    await marks.advance(group.segment, group.end);
    const adopted = flags.filter(Boolean).length;
    report.read += group.lines.length;
    report.adopted += adopted;
    report.superseded += outcomes.length - adopted;
    report.unreadable += group.lines.length - outcomes.length;
  }
  return report;
}

function readLine({ line, pointer }: LoggedResult): EndedRequest[] {
  const decoded = decodeResultLine(decoder.decode(line), pointer);
  return decoded ? [decoded] : [];
}

interface Group {
  readonly segment: string;
  readonly lines: LoggedResult[];
  /** Where the last line ends, its line break included. Unit: bytes. */
  end: number;
}

/** Neighbouring lines of one segment. */
async function* inGroups(lines: AsyncIterable<LoggedResult>): AsyncGenerator<Group> {
  let group: Group | null = null;
  for await (const entry of lines) {
    const { segment, offset, length } = entry.pointer;
    if (group && (group.segment !== segment || group.lines.length >= LINES_PER_COMMIT)) {
      yield group;
      group = null;
    }
    group ??= { segment, lines: [], end: 0 };
    group.lines.push(entry);
    group.end = offset + length + 1;
  }
  if (group) yield group;
}
