/** Submits a file to a server, part by part; the same again goes on where it stopped. */

import { stat } from 'node:fs/promises';
import type { RejectedLine } from '../../local/input/scan-input.ts';
import { scanInput } from '../../local/input/scan-input.ts';
import { type SubmittedList, submissionSchema } from '../../shared/contracts/api.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { PenstockApi, SubmitTerms } from '../api-client/penstock-api.ts';
import { isErrorCode } from '../api-client/refusal.ts';
import { type FilePart, fileParts } from './file-parts.ts';
import { createRemoteModels } from './remote-models.ts';

export interface SubmitFileOptions {
  readonly api: PenstockApi;
  readonly path: string;
  /** @default named by the content of the file */
  readonly batch: string | undefined;
  readonly terms: Omit<SubmitTerms, 'batch'>;
  /** Lines that cannot be answered are left out, instead of stopping everything. */
  readonly skipInvalid: boolean;
  readonly onValidating: (readBytes: number, rejected: number) => void;
  readonly onSubmitting: (lines: number, totalLines: number) => void;
}

export interface SubmittedFile {
  readonly batch: string;
  /** Lines of the file, blank ones apart. */
  readonly total: number;
  readonly accepted: number;
  /** Of those accepted, how many an earlier submission had brought. */
  readonly replayed: number;
  /** Lines left out, here or by the server: how many, and the first of them. */
  readonly rejected: number;
  readonly firstRejected: readonly RejectedLine[];
  readonly parts: number;
}

export type SubmitFileResult =
  | { readonly kind: 'rejected'; readonly total: number; readonly first: readonly RejectedLine[] }
  | { readonly kind: 'submitted'; readonly file: SubmittedFile };

/** Largest body that passes a gateway; what is larger goes by upload. Unit: bytes. */
const MOST_DIRECT_BYTES = 4_000_000;
const PARTS_AT_ONCE = 4;
/** Beyond which a part travels alone, so that memory does not grow with them. Unit: bytes. */
const BYTES_AT_ONCE = 16_000_000;
/** Kept to be shown. */
const MOST_KEPT = 1_000;
/** Enough of a digest that no two files meet by chance. Unit: characters. */
const DIGEST_CHARACTERS = 32;

/**
 * Judges every line as `penstock run` does, by the server's models, and sends nothing when one is
 * bad and none may be left out. Then each part is submitted under a key made of the batch, the
 * file's content and the number of the part: what was accepted before is found, and not run again.
 *
 * @throws {AppError} with the server's words; parts accepted by then stay accepted.
 */
export async function submitFile(options: SubmitFileOptions): Promise<SubmitFileResult> {
  const { api, path, terms, skipInvalid, onSubmitting } = options;
  const before = await stampOf(path);
  const scanned = await scan(options);
  if (scanned.bad.size > 0 && !skipInvalid) {
    return { kind: 'rejected', total: scanned.bad.size, first: scanned.first };
  }
  const batch = options.batch ?? `file-${scanned.sha256.slice(0, DIGEST_CHARACTERS)}`;
  const tally = new Tally(scanned.first, scanned.bad.size);
  const send = createPartSender(api, { ...terms, batch }, scanned.sha256);
  onSubmitting(0, scanned.lines);
  await inParallel(fileParts(path, scanned.bad), async (part) => {
    tally.add(part, await send(part).catch((error: unknown) => explain(error, batch)));
    onSubmitting(tally.lines, scanned.lines);
  });
  if ((await stampOf(path)) !== before) throw changedMeanwhile(path, batch);
  const { parts, accepted, replayed, rejected, firstRejected } = tally;
  const counts = { accepted, replayed, rejected, firstRejected, parts };
  return { kind: 'submitted', file: { batch, total: scanned.lines, ...counts } };
}

/** Size and instant of the last change. A missing file is found by the scan, in better words. */
async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? '' : `${found.size} ${found.mtimeMs}`;
}

function changedMeanwhile(path: string, batch: string): AppError {
  return new AppError(
    'state_conflict',
    `${path} changed while it was submitted, so batch ${batch} may hold some lines of both contents. Submit what it holds now as another --batch.`,
  );
}

interface Scanned {
  readonly lines: number;
  readonly sha256: string;
  /** Numbers of the lines that cannot be sent. */
  readonly bad: ReadonlySet<number>;
  readonly first: RejectedLine[];
}

async function scan({ api, path, onValidating }: SubmitFileOptions): Promise<Scanned> {
  const models = await createRemoteModels(api);
  const bad = new Set<number>();
  const first: RejectedLine[] = [];
  const { learn, size } = models;
  const batches = scanInput({ path, models, size, learn, otherFault: serverFault });
  for (;;) {
    const next = await batches.next();
    if (next.done) return { ...next.value, bad, first };
    for (const rejection of next.value.rejected) {
      bad.add(rejection.line);
      if (first.length < MOST_KEPT) first.push(rejection);
    }
    onValidating(next.value.readBytes, bad.size);
  }
}

/** What a server's stricter reading of a line finds. */
function serverFault(line: Readonly<Record<string, unknown>>): string | null {
  const parsed = submissionSchema.safeParse(line);
  if (parsed.success) return null;
  const [issue] = parsed.error.issues;
  if (issue === undefined) return 'the line is not a request';
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys[0]} is no field of a line; remove it, or check its spelling`;
  }
  return `${issue.path.join('.')} ${issue.message}`;
}

function createPartSender(
  api: PenstockApi,
  terms: SubmitTerms,
  sha256: string,
): (part: FilePart) => Promise<SubmittedList> {
  let hasUploads = true;
  return async ({ index, bytes }) => {
    const key = `${terms.batch}/${sha256.slice(0, DIGEST_CHARACTERS)}/${index}`;
    if (bytes.length > MOST_DIRECT_BYTES && hasUploads) {
      const upload = await api.upload(bytes);
      if (upload !== null) return api.submitUpload(upload, key, terms);
      hasUploads = false;
    }
    return api.submitLines(bytes, key, terms);
  };
}

function explain(error: unknown, batch: string): never {
  if (!(error instanceof AppError) || error.code !== 'idempotency_conflict') throw error;
  throw new AppError(
    'idempotency_conflict',
    `This file was submitted as batch ${batch} before, with other options or leaving out other lines. Give the same options again, or another --batch to run it anew.`,
    { cause: error },
  );
}

class Tally {
  lines: number;
  parts = 0;
  accepted = 0;
  replayed = 0;
  rejected: number;
  readonly firstRejected: RejectedLine[];

  constructor(firstRejected: readonly RejectedLine[], rejected: number) {
    this.firstRejected = [...firstRejected];
    this.rejected = rejected;
    this.lines = rejected;
  }

  add({ lines }: FilePart, list: SubmittedList): void {
    this.parts += 1;
    this.lines += lines.length;
    this.accepted += list.accepted;
    this.replayed += list.replayed;
    this.rejected += list.refused;
    for (const { index, error } of list.data) {
      if (error === null || this.firstRejected.length >= MOST_KEPT) continue;
      this.firstRejected.push({
        line: lines[index] ?? 0,
        code: isErrorCode(error.code) ? error.code : 'invalid_request',
        message: error.detail,
        customId: null,
      });
    }
  }
}

/** Works on several parts at once, in their order; the first fault stops the rest and is thrown. */
async function inParallel(
  parts: AsyncGenerator<FilePart>,
  work: (part: FilePart) => Promise<void>,
): Promise<void> {
  const faults: { readonly error: unknown }[] = [];
  const running = new Map<Promise<void>, number>();
  const hasRoomFor = (bytes: number): boolean => {
    const under = [...running.values()].reduce((sum, one) => sum + one, 0);
    return running.size < PARTS_AT_ONCE && under + bytes <= BYTES_AT_ONCE;
  };
  for await (const part of parts) {
    while (running.size > 0 && !hasRoomFor(part.bytes.length)) await Promise.race(running.keys());
    if (faults.length > 0) break;
    const one = work(part)
      .catch((error: unknown) => void faults.push({ error }))
      .finally(() => running.delete(one));
    running.set(one, part.bytes.length);
  }
  await Promise.all(running.keys());
  const [first] = faults;
  if (first !== undefined) throw first.error;
}
