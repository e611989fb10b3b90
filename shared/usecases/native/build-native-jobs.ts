/** Gathers requests that wait for a native batch into jobs. */

import type { ModelSettings } from '../../domain/capacity/model-limits.ts';
import { AppError } from '../../domain/errors.ts';
import { deadlineClass } from '../../domain/lanes/plan-lane.ts';
import {
  intendJob,
  isQueuedAtProvider,
  type NativeJob,
  type NativePriming,
  sizeOf,
  splitRows,
} from '../../domain/native/native-job.ts';
import type { LeasedRequest, Route } from '../../domain/requests/request.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import { findCheaperCalls } from './find-cheaper-calls.ts';
import { findOpenings } from './find-openings.ts';
import { writeManifest } from './manifest.ts';
import type { NativeDeps, TickReport, TickTerms } from './native-deps.ts';
import { CALLS_SHARE } from './plan-left.ts';
import { sumOf } from './sum-of-requests.ts';

/** Until a job stands, its rows are leased for so long. Unit: ms. */
const GATHER_LEASE_MS = 600_000;
/** What finds no room in the provider's queue asks again after this. Unit: ms. */
const ROOM_WAIT_MS = 60_000;
/** So many rows are worth a job of their own, once none has come after them for a while. Unit of the latter: ms. */
const BULK_ROWS = 50;
const QUIET_MS = 5_000;
/** A body may be written a little longer than it was stored. */
const GROWTH = 1.01;
/** What a mark for the cache adds to a row, at most. Unit: bytes. */
const MARK_BYTES = 128;
/** A stub of a row or two ends within minutes as a rule; the others do not wait longer. Unit: ms. */
const LONGEST_STUB_MS = 1_800_000;
/** Nor longer than this share of the time to the deadline. */
const STUB_SHARE = 1 / 16;
const SHORTEST_STUB_MS = 300_000;

/** Rows planned together: promises of tens of thousands at once would be more than the rows. */
const ROWS_PER_PLAN = 1_000;

/** A request with what it takes in a job. */
interface Row {
  readonly request: LeasedRequest;
  readonly bytes: number;
  readonly inputTokens: number;
}

/** Builds what can be built now; returns how many jobs were made. One model's trouble is its own. */
export async function buildNativeJobs(
  deps: NativeDeps,
  terms: TickTerms,
  report: TickReport,
): Promise<number> {
  let built = 0;
  let fatal: AppError | null = null;
  for (const { model, route, nextDueAtMs } of await deps.work.backlog()) {
    if (route !== 'native' || nextDueAtMs > deps.clock.nowMs()) continue;
    const settings = deps.models.get(model);
    // The dispatcher tells of models that the configuration has lost.
    if (settings === undefined || deps.unusable?.has(settings.provider) === true) continue;
    try {
      built += await buildForModel(deps, settings, terms);
    } catch (error) {
      report.failed += 1;
      deps.telemetry.log('error', 'Batch jobs could not be built', { model, error });
      // A full disk, a lost file: somebody has to act.
      if (error instanceof AppError && error.disposition === 'give_up') fatal ??= error;
    }
  }
  if (fatal !== null) throw fatal;
  return built;
}

async function buildForModel(
  deps: NativeDeps,
  settings: ModelSettings,
  terms: TickTerms,
): Promise<number> {
  const { clock, random, work } = deps;
  const provider = deps.providers.get(settings.provider);
  const limit = provider?.limits.mostRows ?? 10_000;
  let built = 0;
  for (;;) {
    const nowMs = clock.nowMs();
    if (nowMs >= terms.deadlineMs || terms.signal.aborted) return built;
    const leaseOwner = `job:${random.id('job-')}`;
    const leased = await work.lease({
      model: settings.name,
      route: 'native',
      owner: leaseOwner,
      nowMs,
      expiresAtMs: nowMs + GATHER_LEASE_MS,
      limit,
    });
    if (leased.length === 0) return built;
    const made =
      provider === undefined
        ? await toSync(deps, leased)
        : await buildFrom(deps, { settings, provider, leased, leaseOwner, limit });
    built += made.jobs;
    if (leased.length < limit || made.isFull) return built;
  }
}

interface Gathered {
  readonly settings: ModelSettings;
  readonly provider: NativeBatchProvider;
  readonly leased: readonly LeasedRequest[];
  readonly leaseOwner: string;
  readonly limit: number;
}

async function buildFrom(
  deps: NativeDeps,
  { settings, provider, leased, leaseOwner, limit }: Gathered,
): Promise<{ jobs: number; isFull: boolean }> {
  const nowMs = deps.clock.nowMs();
  const { mostBytes, rowOverheadBytes } = provider.limits;
  const { native, sync } = await planAll(deps, settings, leased, nowMs);
  const cheaper = await findCheaperCalls(deps, settings, provider.limits, native);
  await handBack(deps, [...sync, ...cheaper], nowMs, 'sync');
  const bytesOf = ({ body }: LeasedRequest): number =>
    Math.ceil(body.length * GROWTH) + MARK_BYTES + rowOverheadBytes;
  const groups = Map.groupBy(
    native.filter((request) => !cheaper.has(request)),
    (request) => `${request.endpoint} ${deadlineClass(deadlineOf(request), nowMs)}`,
  );
  const queueTokens = deps.queueTokensOf(settings.name) ?? Number.POSITIVE_INFINITY;
  let room = await roomOf(deps, settings);
  let jobs = 0;
  let isFull = false;
  for (const group of groups.values()) {
    const ripeAtMs = group.length >= limit ? nowMs : ripeAt(deps, group, nowMs);
    if (ripeAtMs > nowMs) {
      await handBack(deps, group, ripeAtMs);
      continue;
    }
    // What the queue would not take if it were empty would wait for ever.
    const [fitting, overlong] = parted(group, ({ inputTokens }) => inputTokens <= queueTokens);
    const rows = fitting.map(
      (request): Row => ({
        request,
        bytes: bytesOf(request),
        inputTokens: request.inputTokens,
      }),
    );
    const limits = { mostRows: provider.limits.mostRows, mostBytes, roomTokens: room };
    const split = splitRows(rows, limits);
    await handBack(deps, [...overlong, ...split.oversize.map(requestOf)], nowMs, 'sync');
    await handBackWaiting(deps, settings, split.waiting.map(requestOf), nowMs);
    isFull ||= split.waiting.length > 0;
    for (const members of split.jobs) {
      const requests = members.map(requestOf);
      for (const job of await intend(deps, settings, provider, leaseOwner, requests)) {
        if (room !== null) room -= job.inputTokens;
        jobs += 1;
      }
    }
  }
  return { jobs, isFull };
}

async function planAll(
  { planRoute }: NativeDeps,
  settings: ModelSettings,
  leased: readonly LeasedRequest[],
  nowMs: number,
) {
  const planned: Record<Route, LeasedRequest[]> = { native: [], sync: [] };
  for (let start = 0; start < leased.length; start += ROWS_PER_PLAN) {
    const group = leased.slice(start, start + ROWS_PER_PLAN);
    const routes = await Promise.all(group.map((request) => planRoute(request, settings, nowMs)));
    for (const [at, request] of group.entries()) planned[routes[at] ?? 'sync'].push(request);
  }
  return planned;
}

/** What has no room waits for some, unless calls for all of it need the time to the deadline. */
async function handBackWaiting(
  deps: NativeDeps,
  { name }: ModelSettings,
  waiting: readonly LeasedRequest[],
  nowMs: number,
): Promise<void> {
  if (waiting.length === 0) return;
  const needMs = await deps.callsMs(name, sumOf(waiting));
  const [patient, pressed] = parted(waiting, (request) => {
    const deadlineAtMs = deadlineOf(request) ?? Number.POSITIVE_INFINITY;
    return needMs <= CALLS_SHARE * (deadlineAtMs - nowMs);
  });
  await handBack(deps, pressed, nowMs, 'sync');
  await handBack(deps, patient, nowMs + ROOM_WAIT_MS);
}

function parted<Of>(all: readonly Of[], fits: (one: Of) => boolean): [Of[], Of[]] {
  return [all.filter(fits), all.filter((one) => !fits(one))];
}

function requestOf({ request }: Row): LeasedRequest {
  return request;
}

/**
 * One job; or two where rows share an opening that pays to be cached: a stub of one row each, and
 * the others, which wait for its end. The stub's rows are answered by it: nothing is asked twice.
 */
async function intend(
  deps: NativeDeps,
  settings: ModelSettings,
  { limits }: NativeBatchProvider,
  leaseOwner: string,
  rows: readonly LeasedRequest[],
): Promise<NativeJob[]> {
  const nowMs = deps.clock.nowMs();
  const deadlineAtMs = earliestDeadline(rows);
  const untilMs = stubEnd(deadlineAtMs, nowMs);
  const found = untilMs === null ? null : await findOpenings(deps.payloads, settings, limits, rows);
  const common = { ...{ settings, leaseOwner, deadlineAtMs, nowMs } };
  if (found === null || untilMs === null) return [await createJob(deps, common, rows, null)];
  const { openings, ahead } = found;
  const stubRows = rows.filter((row) => ahead.has(row));
  const priming = { openings, stub: null, untilMs };
  const stub = await createJob(deps, common, stubRows, priming);
  const others = rows.filter((row) => !ahead.has(row));
  return [stub, await createJob(deps, common, others, { ...priming, stub: stub.id })];
}

interface Common {
  readonly settings: ModelSettings;
  readonly leaseOwner: string;
  readonly deadlineAtMs: number | null;
  readonly nowMs: number;
}

async function createJob(
  { jobs, payloads, random }: NativeDeps,
  { settings: { provider, name }, leaseOwner, deadlineAtMs, nowMs }: Common,
  rows: readonly LeasedRequest[],
  priming: NativePriming | null,
): Promise<NativeJob> {
  const job = intendJob(
    {
      id: random.id('job-'),
      provider,
      model: name,
      endpoint: rows[0]?.endpoint ?? '/v1/chat/completions',
      leaseOwner,
      manifest: await writeManifest(payloads, rows),
      ...sizeOf(rows),
      deadlineAtMs,
      halvings: 0,
      priming,
    },
    nowMs,
  );
  await jobs.create(job);
  return job;
}

function earliestDeadline(rows: readonly LeasedRequest[]): number | null {
  const deadlines = rows.flatMap((row) => deadlineOf(row) ?? []);
  return deadlines.reduce<number | null>(
    (least, deadline) => Math.min(least ?? deadline, deadline),
    null,
  );
}

/** Until when rows may wait for a stub; `null` where they have no time for it. */
function stubEnd(deadlineAtMs: number | null, nowMs: number): number | null {
  const slackMs = deadlineAtMs === null ? Number.POSITIVE_INFINITY : deadlineAtMs - nowMs;
  const waitMs = Math.min(LONGEST_STUB_MS, slackMs * STUB_SHARE);
  return waitMs < SHORTEST_STUB_MS ? null : nowMs + waitMs;
}

/** A row that was forced into the lane stays there, whatever the time. */
function deadlineOf({ lane, deadlineAtMs }: LeasedRequest): number | null {
  return lane === 'native' ? null : deadlineAtMs;
}

/** What the provider still lets wait, after what open jobs of the model hold of it. Unit: tokens. */
async function roomOf(deps: NativeDeps, { name }: ModelSettings): Promise<number | null> {
  const queueTokens = deps.queueTokensOf(name);
  if (queueTokens === null) return null;
  const held = (await deps.jobs.open())
    .filter((job) => job.model === name && isQueuedAtProvider(job))
    .reduce((sum, { inputTokens }) => sum + inputTokens, 0);
  return Math.max(0, queueTokens - held);
}

/**
 * When a group that is not full is sent all the same. Instants lie on a grid, so that what comes
 * in meanwhile ripens together. What was handed over in bulk goes as soon as nothing follows.
 */
function ripeAt(deps: NativeDeps, group: readonly LeasedRequest[], nowMs: number): number {
  const deadlines = group.flatMap(({ deadlineAtMs }) => deadlineAtMs ?? []);
  const slackMs = deadlines.length === 0 ? null : Math.max(0, Math.min(...deadlines) - nowMs);
  const gatherMs = deps.gatherMs(slackMs);
  if (gatherMs <= 0) return nowMs;
  const created = group.map(({ createdAtMs }) => createdAtMs);
  const oldest = created.reduce((least, atMs) => Math.min(least, atMs), nowMs);
  const onGridMs = (Math.floor(oldest / gatherMs) + 1) * gatherMs;
  // Whoever made a batch has gathered already.
  const isBulk = group.length >= BULK_ROWS || group.every(({ batchId }) => batchId !== null);
  if (!isBulk) return onGridMs;
  const newest = created.reduce((most, atMs) => Math.max(most, atMs), 0);
  return Math.min(onGridMs, newest + QUIET_MS);
}

async function toSync(deps: NativeDeps, requests: readonly LeasedRequest[]) {
  await handBack(deps, requests, deps.clock.nowMs(), 'sync');
  return { jobs: 0, isFull: false };
}

async function handBack(
  { work }: NativeDeps,
  requests: readonly LeasedRequest[],
  notBeforeMs: number,
  route: Route = 'native',
): Promise<void> {
  if (requests.length === 0) return;
  await work.defer(
    requests.map(({ tenant, id, fence, attempts, firstAttemptAtMs }) => ({
      tenant,
      id,
      fence,
      attempts,
      firstAttemptAtMs,
      notBeforeMs,
      route,
    })),
  );
}
