import { AppError } from '../../domain/errors.ts';
import type { PayloadPointer } from '../../domain/requests/request.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PayloadStore } from '../../ports/payload-store.ts';
import type { Random } from '../../ports/random.ts';
import { type DynamoSmallPayloads, SMALL_PAYLOAD_BYTES } from '../dynamodb/small-payloads.ts';
import { bytesOf, joinLines, refuseLineBreaks } from '../segments/join-lines.ts';
import { type PlannedRead, planReads } from '../segments/read-plan.ts';
import { readPlanned } from '../segments/read-planned.ts';
import { parseSegmentName, segmentName } from '../segments/segment-names.ts';
import type { S3Objects } from './objects.ts';

const MAX_SEGMENT_BYTES = 8_388_608;
/** A request costs as much time as some hundred kilobytes; a large object is read in parts at once. */
const S3_READS = { largestGapBytes: 262_144, largestReadBytes: 4_194_304 };
const CALLS_AT_ONCE = 16;
const DAY_MS = 86_400_000;

export interface S3PayloadStoreOptions {
  readonly objects: Pick<S3Objects, 'put' | 'read'>;
  readonly small: Pick<DynamoSmallPayloads, 'put' | 'read'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Days after which the bucket's rules delete what is stored. Only told in errors. */
  readonly retentionDays: number;
  /** A call with more than this is spread over several objects. @default 8 MiB */
  readonly maxSegmentBytes?: number;
}

/**
 * Bodies and results as JSONL objects of S3, each in the folder of its tenant. What is too small
 * to be worth an object is an item of the table.
 */
export class S3PayloadStore implements PayloadStore {
  readonly #options: S3PayloadStoreOptions;

  constructor(options: S3PayloadStoreOptions) {
    this.#options = options;
  }

  /** Objects of a call that fails half-way are never referred to, and go with their retention. */
  async append(tenant: string, lines: readonly Uint8Array[]): Promise<PayloadPointer[]> {
    refuseLineBreaks(lines);
    const groups = this.#split(lines).map((group) => this.#join(tenant, group));
    const queue = groups.values();
    const putNext = async () => {
      for (const { put } of queue) await put();
    };
    await Promise.all(Array.from({ length: Math.min(CALLS_AT_ONCE, groups.length) }, putNext));
    return groups.flatMap(({ pointers }) => pointers);
  }

  async read(pointers: readonly PayloadPointer[]): Promise<Uint8Array[]> {
    const isSmall = ({ segment }: PayloadPointer) => nameOf(segment).isSmall;
    const segments = new Set(pointers.filter(isSmall).map(({ segment }) => segment));
    const small = segments.size === 0 ? new Map() : await this.#options.small.read([...segments]);
    const reads = planReads(pointers, S3_READS);
    return readPlanned(pointers, reads, CALLS_AT_ONCE, async (planned) => {
      const { segment, start, end } = planned;
      const bytes = segments.has(segment)
        ? small.get(segment)?.subarray(start, end)
        : await this.#options.objects.read(segment, start, end);
      return this.#checked(planned, bytes ?? null);
    });
  }

  /** Neighbours, in groups that each make a segment. */
  #split(lines: readonly Uint8Array[]): Uint8Array[][] {
    const { maxSegmentBytes = MAX_SEGMENT_BYTES } = this.#options;
    const groups: Uint8Array[][] = [];
    let size = Number.POSITIVE_INFINITY;
    for (const line of lines) {
      if (size + line.length + 1 > maxSegmentBytes) {
        groups.push([]);
        size = 0;
      }
      groups.at(-1)?.push(line);
      size += line.length + 1;
    }
    return groups;
  }

  #join(tenant: string, lines: readonly Uint8Array[]) {
    const { objects, small, clock, random } = this.#options;
    const isSmall = bytesOf(lines) <= SMALL_PAYLOAD_BYTES;
    const writtenAtMs = clock.nowMs();
    const segment = segmentName({
      tenant,
      kind: 'bodies',
      id: random.id(''),
      writtenAtMs,
      isSmall,
    });
    const { bytes, pointers } = joinLines(segment, lines);
    const put = () => (isSmall ? small : objects).put(segment, bytes);
    return { pointers, put };
  }

  #checked({ segment, start, end }: PlannedRead, bytes: Uint8Array | null): Uint8Array {
    if (bytes === null) throw this.#missing(segment);
    if (bytes.length === end - start) return bytes;
    throw new AppError(
      'state_conflict',
      `${segment} ends at byte ${start + bytes.length}, but requests refer to bytes up to ${end}: it was cut or replaced. Restore its former version.`,
      { details: { segment, bytes: start + bytes.length, wantedBytes: end } },
    );
  }

  #missing(segment: string): AppError {
    const { clock, retentionDays } = this.#options;
    const ageDays = (clock.nowMs() - nameOf(segment).writtenAtMs) / DAY_MS;
    const details = { segment, retentionDays };
    if (ageDays < retentionDays) return notThere(segment, details);
    return new AppError(
      'result_expired',
      `What was stored here is kept for ${retentionDays} days and is ${Math.floor(ageDays)} days old: it was deleted. Fetch results sooner, or raise the retention.`,
      { details },
    );
  }
}

function nameOf(segment: string) {
  const name = parseSegmentName(segment);
  if (name === null) throw notThere(segment, { segment });
  return name;
}

function notThere(segment: string, details: Readonly<Record<string, unknown>>): AppError {
  return new AppError(
    'file_not_found',
    `There is no segment ${JSON.stringify(segment)}, and requests refer to it. If it was deleted by hand, restore its former version in the bucket.`,
    { details },
  );
}
