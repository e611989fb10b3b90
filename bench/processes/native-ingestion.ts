/**
 * Takes in the results of a batch of so many rows, over the stores of one machine; begins with
 * whatever a process that was killed left, and tells how long it took. With `prepare` it only makes
 * the job, so that the memory of another process is that of taking in.
 */

import { openState } from '../../local/state/open-state.ts';
import { DiskPayloadStore } from '../../shared/adapters/disk/payload-store.ts';
import { DiskResultLog } from '../../shared/adapters/disk/result-log.ts';
import { createNativeProvider } from '../../shared/adapters/providers/native/create-native-provider.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { intendJob } from '../../shared/domain/native/native-job.ts';
import { writeManifest } from '../../shared/usecases/native/manifest.ts';
import { planRoute } from '../../shared/usecases/native/plan-route.ts';
import { createTickNative } from '../../shared/usecases/native/tick-native.ts';

const [url = '', count = '0', directory = '', only = ''] = process.argv.slice(2);
const isPreparation = only === 'prepare';
const rowCount = Number(count);
const JOB = 'job-1';
const MODEL = 'gpt-4o-mini';
const TENANT = 'local';
const ROWS_PER_ACCEPT = 5_000;

// As a server's: a run's state without its input would be thrown away, and made anew here.
const state = await openState(directory, 'serve');
const { requests, work, nativeJobs } = state.stores;
const payloads = new DiskPayloadStore({ directory });
const results = new DiskResultLog({ directory });
const provider = createNativeProvider(
  'bench',
  { dialect: 'openai', baseUrl: url, apiKey: 'sk-0123456789abcdef' },
  { clock: systemClock },
);

const known = await nativeJobs.get(JOB);
if (known === null) await endedJob();
else await nativeJobs.update({ ...known, isClaimed: false, dueAtMs: 0 });

const startedAtMs = performance.now();
const tick = createTickNative({
  jobs: nativeJobs,
  work,
  payloads,
  results,
  providers: new Map([['bench', provider]]),
  models: new Map(),
  queueTokensOf: () => null,
  planRoute,
  callsMs: async () => 0,
  gatherMs: () => 0,
  keepFilesMs: 3_600_000,
  clock: systemClock,
  random: systemRandom,
  telemetry: { count: () => undefined, log: () => undefined },
});
const report = await tick({
  deadlineMs: isPreparation ? 0 : Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
});
const seconds = (performance.now() - startedAtMs) / 1_000;
const { succeeded } = await requests.counts(TENANT);
const job = await nativeJobs.get(JOB);
await provider.close();
await results.close();
await payloads.close();
await state.close();
console.log(
  JSON.stringify({ seconds, succeeded, settled: report.settled, tally: job?.checkpoint.tally }),
);

/** Rows accepted, leased by a job, and a batch of theirs that has ended. */
async function endedJob(): Promise<void> {
  for (let start = 0; start < rowCount; start += ROWS_PER_ACCEPT) {
    const size = Math.min(ROWS_PER_ACCEPT, rowCount - start);
    await requests.accept(
      Array.from({ length: size }, (_, at) => ({
        id: `r${start + at}`,
        tenant: TENANT,
        customId: `row-${start + at}`,
        batchId: 'batch-1',
        model: MODEL,
        endpoint: '/v1/chat/completions' as const,
        lane: 'native' as const,
        priority: 9,
        tags: [],
        fingerprint: 'f',
        body: { segment: 'input', offset: start + at, length: 1 },
        inputTokens: 900,
        maxOutputTokens: 900,
        prefixKey: null,
        groupOrder: start + at,
        createdAtMs: 1,
        deadlineAtMs: null,
        route: 'native' as const,
      })),
    );
  }
  const nowMs = systemClock.nowMs();
  const leaseOwner = 'job:job-1';
  const leased = await work.lease({
    model: MODEL,
    route: 'native',
    owner: leaseOwner,
    nowMs,
    expiresAtMs: nowMs + 86_400_000,
    limit: rowCount,
  });
  const job = intendJob(
    {
      id: JOB,
      provider: 'bench',
      model: MODEL,
      endpoint: '/v1/chat/completions',
      leaseOwner,
      manifest: await writeManifest(payloads, leased),
      rowCount,
      inputTokens: 900 * rowCount,
      deadlineAtMs: null,
      maxOutputTokens: 1,
      longestAnswerTokens: 1,
      halvings: 0,
      priming: null,
    },
    nowMs,
  );
  await nativeJobs.create({
    ...job,
    phase: 'ended',
    end: 'completed',
    endedAtMs: nowMs,
    submittedAtMs: nowMs,
    outputs: [`rows-${rowCount}`],
  });
}
