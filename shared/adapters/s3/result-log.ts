import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ResultLog } from '../../ports/payload-store.ts';
import type { DynamoResultLogIndex } from '../dynamodb/result-log-index.ts';
import { type DynamoSmallPayloads, SMALL_PAYLOAD_BYTES } from '../dynamodb/small-payloads.ts';
import { bytesOf, joinLines, refuseLineBreaks } from '../segments/join-lines.ts';
import { segmentName } from '../segments/segment-names.ts';
import type { S3Objects } from './objects.ts';

/** Least time between the starts of two writes for one tenant. Unit: ms. */
const SPACING_MS = 1_000;
/** What waits is written before its time once it is so much. Unit: bytes. */
const GROUP_BYTES = 4_194_304;

export interface S3ResultLogOptions {
  readonly objects: Pick<S3Objects, 'put'>;
  readonly small: Pick<DynamoSmallPayloads, 'put'>;
  readonly index: Pick<DynamoResultLogIndex, 'addFolder'>;
  readonly clock: Clock;
  /** The worker, by the name under which it leases. Used by no other process, ever. */
  readonly owner: string;
}

interface Waiting {
  readonly line: Uint8Array;
  readonly done: (pointer: PayloadPointer) => void;
  readonly failed: (error: unknown) => void;
}

/** What is under way for one tenant. */
interface Lane {
  readonly tenant: string;
  waiting: Waiting[];
  waitingBytes: number;
  /** Segments begun. */
  segments: number;
  lastWriteAtMs: number;
  /** Ends the wait for the next write; `null` while nothing waits. */
  hurry: AbortController | null;
  /** Settles once the index names the folder; `null` before there is an object in it. */
  folder: Promise<void> | null;
}

/**
 * Answers on their way to being published, in segments of this worker's own. The first line after
 * a pause is written at once; lines that follow are gathered for up to a second, since every write
 * is paid for. A group too small for an object becomes an item of the table.
 */
export class S3ResultLog implements ResultLog {
  readonly #options: S3ResultLogOptions;
  readonly #lanes = new Map<string, Lane>();
  /** From the first line that waits to the answer of the write. */
  readonly #turns = new Set<Promise<void>>();

  constructor(options: S3ResultLogOptions) {
    this.#options = options;
  }

  async append(tenant: string, line: Uint8Array): Promise<PayloadPointer> {
    refuseLineBreaks([line]);
    const lane = this.#laneOf(tenant);
    return new Promise((done, failed) => {
      lane.waiting.push({ line, done, failed });
      lane.waitingBytes += line.length + 1;
      if (lane.hurry === null) this.#beginTurn(lane);
      if (lane.waitingBytes >= GROUP_BYTES) lane.hurry?.abort();
    });
  }

  /** Writes at once what waits, and waits for it: for a worker that expects no more answers. */
  async flush(): Promise<void> {
    for (const { hurry } of this.#lanes.values()) hurry?.abort();
    await Promise.all(this.#turns);
  }

  #laneOf(tenant: string): Lane {
    let lane = this.#lanes.get(tenant);
    if (lane === undefined) {
      const lastWriteAtMs = Number.NEGATIVE_INFINITY;
      const state = { waiting: [], waitingBytes: 0, segments: 0, hurry: null, folder: null };
      lane = { tenant, lastWriteAtMs, ...state };
      this.#lanes.set(tenant, lane);
    }
    return lane;
  }

  #beginTurn(lane: Lane): void {
    const turn = this.#writeWhenDue(lane).finally(() => this.#turns.delete(turn));
    this.#turns.add(turn);
  }

  async #writeWhenDue(lane: Lane): Promise<void> {
    const { clock } = this.#options;
    lane.hurry = new AbortController();
    // A clock that was set back must not keep anybody waiting.
    const dueInMs = Math.min(SPACING_MS, lane.lastWriteAtMs + SPACING_MS - clock.nowMs());
    await clock.sleep(dueInMs, lane.hurry.signal);
    // Lets the other answers of this turn join the group.
    await nextTurn();
    const group = lane.waiting;
    lane.waiting = [];
    lane.waitingBytes = 0;
    lane.hurry = null;
    lane.lastWriteAtMs = clock.nowMs();
    await this.#write(lane, group);
  }

  async #write(lane: Lane, group: readonly Waiting[]): Promise<void> {
    const { objects, small, clock, owner } = this.#options;
    const lines = group.map(({ line }) => line);
    const isSmall = bytesOf(lines) <= SMALL_PAYLOAD_BYTES;
    const segment = segmentName({
      ...{ kind: 'results', tenant: lane.tenant, owner, number: lane.segments },
      ...{ writtenAtMs: clock.nowMs(), isSmall },
    });
    lane.segments += 1;
    const { bytes, pointers } = joinLines(segment, lines);
    try {
      if (isSmall) await small.put(segment, bytes);
      else await Promise.all([objects.put(segment, bytes), this.#addFolder(lane)]);
      for (const [index, { done }] of group.entries()) {
        const pointer = pointers[index];
        if (pointer) done(pointer);
      }
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  }

  /** Once for each tenant; begun anew after a failure. */
  async #addFolder(lane: Lane): Promise<void> {
    lane.folder ??= this.#options.index.addFolder(this.#options.owner, lane.tenant);
    try {
      await lane.folder;
    } catch (error) {
      lane.folder = null;
      throw error;
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
