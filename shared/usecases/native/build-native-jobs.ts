/** Gathers requests that wait for a native batch into jobs. */

import type { ModelSettings } from '../../domain/model-limits.ts';
import {
  intendJob,
  isQueuedAtProvider,
  type NativeJob,
  sizeOf,
  splitRows,
} from '../../domain/native-job.ts';
import { deadlineClass } from '../../domain/plan-lane.ts';
import type { LeasedRequest, Route } from '../../domain/request.ts';
import type { NativeBatchProvider } from '../../ports/native-batch-provider.ts';
import { writeManifest } from './manifest.ts';
import type { NativeDeps, TickTerms } from './native-deps.ts';

/** Until a job stands, its rows are leased for so long. Unit: ms. */
const GATHER_LEASE_MS = 600_000;
/** What finds no room in the provider's queue asks again after this. Unit: ms. */
const ROOM_WAIT_MS = 60_000;
/** A body may be written a little longer than it was stored. */
const GROWTH = 1.01;

interface Row extends LeasedRequest {
  readonly bytes: number;
}

/** Builds what can be built now; returns how many jobs were made. */
export async function buildNativeJobs(deps: NativeDeps, terms: TickTerms): Promise<number> {
  let built = 0;
  for (const { model, route, nextDueAtMs } of await deps.work.backlog()) {
    if (route !== 'native' || nextDueAtMs > deps.clock.nowMs()) continue;
    const settings = deps.models.get(model);
    // The dispatcher tells of models that the configuration has lost.
    if (settings === undefined || deps.unusable?.has(settings.provider) === true) continue;
    built += await buildForModel(deps, settings, terms);
  }
  return built;
}

async function buildForModel(
  deps: NativeDeps,
  settings: ModelSettings,
  { deadlineMs, signal }: TickTerms,
): Promise<number> {
  const { clock, random, work } = deps;
  const provider = deps.providers.get(settings.provider);
  const limit = provider?.limits.mostRows ?? 10_000;
  let built = 0;
  for (;;) {
    const nowMs = clock.nowMs();
    if (nowMs >= deadlineMs || signal.aborted) return built;
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
  const routes = await Promise.all(
    leased.map((request) => deps.planRoute(request, settings, nowMs)),
  );
  const planned = Map.groupBy(leased, (_, at) => routes[at] ?? 'sync');
  await handBack(deps, planned.get('sync') ?? [], nowMs, 'sync');
  const rows = (planned.get('native') ?? []).map(
    (request): Row => ({
      ...request,
      bytes: Math.ceil(request.body.length * GROWTH) + rowOverheadBytes,
    }),
  );
  let room = await roomOf(deps, settings);
  let jobs = 0;
  let isFull = false;
  const groups = Map.groupBy(
    rows,
    (row) => `${row.endpoint} ${deadlineClass(deadlineOf(row), nowMs)}`,
  );
  for (const group of groups.values()) {
    const ripeAtMs = group.length >= limit ? nowMs : ripeAt(deps, group, nowMs);
    if (ripeAtMs > nowMs) {
      await handBack(deps, group, ripeAtMs);
      continue;
    }
    const limits = { mostRows: provider.limits.mostRows, mostBytes, roomTokens: room };
    const split = splitRows(group, limits);
    await handBack(deps, split.oversize, nowMs, 'sync');
    await handBack(deps, split.waiting, nowMs + ROOM_WAIT_MS);
    isFull ||= split.waiting.length > 0;
    for (const members of split.jobs) {
      const job = await intend(deps, settings, leaseOwner, members);
      if (room !== null) room -= job.inputTokens;
      jobs += 1;
    }
  }
  return { jobs, isFull };
}

async function intend(
  deps: NativeDeps,
  { provider, name }: ModelSettings,
  leaseOwner: string,
  rows: readonly Row[],
): Promise<NativeJob> {
  const { jobs, payloads, random, clock } = deps;
  const manifest = await writeManifest(payloads, rows);
  const deadlines = rows.flatMap((row) => deadlineOf(row) ?? []);
  const job = intendJob(
    {
      id: random.id('job-'),
      provider,
      model: name,
      endpoint: rows[0]?.endpoint ?? '/v1/chat/completions',
      leaseOwner,
      manifest,
      ...sizeOf(rows),
      deadlineAtMs: deadlines.reduce<number | null>(
        (least, deadline) => Math.min(least ?? deadline, deadline),
        null,
      ),
      halvings: 0,
    },
    clock.nowMs(),
  );
  await jobs.create(job);
  return job;
}

/** A row that was forced into the lane stays there, whatever the time. */
function deadlineOf({ lane, deadlineAtMs }: Row): number | null {
  return lane === 'native' ? null : deadlineAtMs;
}

/** What the provider still lets wait, after what open jobs of the model hold of it. Unit: tokens. */
async function roomOf(deps: NativeDeps, { name }: ModelSettings): Promise<number | null> {
  const queueTokens = deps.queueTokensOf(name);
  if (queueTokens === null) return null;
  const held = (await deps.jobs.unfinished())
    .filter((job) => job.model === name && isQueuedAtProvider(job))
    .reduce((sum, { inputTokens }) => sum + inputTokens, 0);
  return Math.max(0, queueTokens - held);
}

/**
 * When a group that is not full is sent all the same. Instants lie on a grid, so that what comes
 * in meanwhile ripens together.
 */
function ripeAt(deps: NativeDeps, group: readonly Row[], nowMs: number): number {
  const deadlines = group.flatMap(({ deadlineAtMs }) => deadlineAtMs ?? []);
  const slackMs = deadlines.length === 0 ? null : Math.max(0, Math.min(...deadlines) - nowMs);
  const gatherMs = deps.gatherMs(slackMs);
  if (gatherMs <= 0) return nowMs;
  const oldest = group.reduce((least, { createdAtMs }) => Math.min(least, createdAtMs), nowMs);
  return (Math.floor(oldest / gatherMs) + 1) * gatherMs;
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
