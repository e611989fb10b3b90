/** The whole API over real stores in memory, with a worker that answers by script. */

import { createApi } from '../../functions/api/app.ts';
import {
  type ApiKeyEntry,
  type Authenticate,
  createKeyAuthenticator,
} from '../../functions/api/authenticate.ts';
import { readProviderWebhook } from '../../shared/adapters/providers/native/provider-webhook.ts';
import { openDatabase } from '../../shared/adapters/sqlite/database.ts';
import { createSqliteStores } from '../../shared/adapters/sqlite/stores.ts';
import { CheckedTargets } from '../../shared/adapters/webhooks/checked-targets.ts';
import type { Dialect } from '../../shared/contracts/config-schema.ts';
import { encodeResultLine } from '../../shared/contracts/result-line.ts';
import type { ModelSettings } from '../../shared/domain/capacity/model-limits.ts';
import type { ProviderStop } from '../../shared/domain/capacity/provider-stop.ts';
import { NO_USAGE } from '../../shared/domain/cost/usage.ts';
import type { LeasedRequest } from '../../shared/domain/requests/request.ts';
import { DEFAULT_TARGET_POLICY } from '../../shared/domain/webhooks/webhook-target.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { CompletionEvents } from '../../shared/ports/completion-events.ts';
import type { CompletionSignal } from '../../shared/ports/completion-signal.ts';
import type { ContentAddresses } from '../../shared/ports/file-contents.ts';
import type { NativePolling } from '../../shared/ports/provider-webhooks.ts';
import type { WorkStore } from '../../shared/ports/request-store.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { UploadStore } from '../../shared/ports/upload-store.ts';
import { createAuthenticateKey } from '../../shared/usecases/authenticate-key.ts';
import { createAdvanceBatch } from '../../shared/usecases/batches/advance-batch.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createManageKeys } from '../../shared/usecases/manage-keys.ts';
import { createPlanner } from '../../shared/usecases/planning/planner.ts';
import {
  createSubmitRequests,
  type MeasureRequest,
  type ModelDirectory,
} from '../../shared/usecases/submit-requests.ts';
import { createManageWebhooks } from '../../shared/usecases/webhooks/manage-webhooks.ts';
import { createPublishCompletions } from '../../shared/usecases/webhooks/publish-completions.ts';
import { createReceiveProviderWebhook } from '../../shared/usecases/webhooks/receive-provider-webhook.ts';
import { MemoryContents } from './memory-contents.ts';
import { MemorySegments } from './memory-segments.ts';
import { createSeededRandom } from './seeded-random.ts';

/** What the worker makes of a request; `hold` leaves it queued. */
export type ScriptedAnswer =
  | { readonly status: number; readonly bodyJson: string }
  | { readonly code: string; readonly message: string }
  | 'hold';

export type Script = (body: Record<string, unknown>, request: LeasedRequest) => ScriptedAnswer;

export interface ApiSetUp {
  readonly clock: Clock;
  readonly script?: Script;
  readonly keys?: readonly ApiKeyEntry[];
  /** Stands for the keys. */
  readonly authenticate?: Authenticate;
  readonly models?: readonly ModelSettings[];
  readonly measure?: MeasureRequest;
  readonly maxBodyBytes?: number;
  readonly maxFileBytes?: number;
  readonly addresses?: ContentAddresses;
  /** @default in memory, with nothing in it */
  readonly contents?: MemoryContents;
  readonly syncWaitMs?: number;
  readonly stops?: readonly ProviderStop[];
  readonly uploads?: UploadStore;
  /** Addresses of host names, for endpoints of webhooks. @default one public address */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** What providers sign their webhooks with, by provider. */
  readonly webhookSecrets?: Readonly<Record<string, string>>;
  readonly polling?: NativePolling;
  /** Stands between a batch's end and whoever is told. */
  readonly completions?: (real: CompletionEvents) => CompletionEvents;
}

export function chatModel(overrides: Partial<ModelSettings> = {}): ModelSettings {
  return {
    name: 'gpt-4o-mini',
    provider: 'openai',
    providerModel: 'gpt-4o-mini',
    charging: 'at_admission',
    limits: { perMinute: { requests: 600, totalTokens: 60_000 }, concurrency: 20 },
    lanes: ['live', 'flex'],
    price: null,
    contextWindow: 128_000,
    maxOutputTokens: 16_384,
    ...overrides,
  };
}

const CLAUDE = chatModel({ name: 'claude-x', provider: 'claude', lanes: ['live'] });

const DIALECTS: Readonly<Record<string, Dialect>> = { openai: 'openai', claude: 'anthropic' };

export const HELLO = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }] };

export const CHAT_ANSWER =
  '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"score":1.0,"big":12345678901234567890}';

export function startApi(setUp: ApiSetUp) {
  const { clock, script = () => 'hold', keys = [], models = [chatModel(), CLAUDE] } = setUp;
  const stores = createSqliteStores(openDatabase(':memory:'));
  const segments = new MemorySegments();
  const random = createSeededRandom(7);
  const pepper = async () => 'a pepper';
  const completions = new Completions(clock);
  const logged: { message: string; fields: unknown }[] = [];
  const telemetry: Telemetry = {
    count: () => undefined,
    log: (_, message, fields) => logged.push({ message, fields }),
  };
  const withdrawn: string[] = [];
  const worker = new ScriptedWorker(script, {
    work: stores.work,
    segments,
    completions,
    clock,
    models,
  });
  const planner = createPlanner({
    ...stores,
    models: directory(models),
    clock,
    random,
    tickMs: 60_000,
  });
  const ports = {
    ...stores,
    planner,
    payloads: segments.payloads,
    results: segments.results,
    contents: setUp.contents ?? new MemoryContents(),
    models: directory(models),
    measure:
      setUp.measure ??
      (async () => ({ kind: 'fits' as const, inputTokens: 10, maxOutputTokens: 5 })),
    prefixKey: () => null,
    clock,
    random,
    telemetry,
    wake: () => worker.wake(),
    onCancelled: ({ outcome }: PublishedResult) => {
      withdrawn.push(outcome.id);
      completions.announce(outcome.tenant, outcome.id);
    },
  };
  const rings: string[] = [];
  const submitRequests = createSubmitRequests(ports);
  const publish = createPublishCompletions({ ...stores, bus: null, clock });
  const advanceBatch = createAdvanceBatch({
    ...ports,
    submitRequests,
    addresses: setUp.addresses ?? null,
    completions: setUp.completions?.(publish) ?? publish,
    onEnded: (results) => results.forEach(ports.onCancelled),
  });
  const app = createApi({
    ...ports,
    addresses: setUp.addresses ?? null,
    bell: { ring: async (refs) => void rings.push(...refs.map(({ id }) => id)) },
    completions,
    authenticate:
      setUp.authenticate ??
      createKeyAuthenticator(keys, {
        authenticateKey: createAuthenticateKey({
          keys: stores.keys,
          pepper,
          adminKey: async () => null,
        }),
        isEmpty: async () => true,
      }),
    manageKeys: createManageKeys({ keys: stores.keys, clock, random, pepper }),
    manageWebhooks: createManageWebhooks({
      ...stores,
      targets: new CheckedTargets({
        policy: DEFAULT_TARGET_POLICY,
        resolve: setUp.resolve ?? (async () => ['93.184.216.34']),
      }),
      clock,
      random,
    }),
    receiveProviderWebhook: createReceiveProviderWebhook({
      messages: stores.providerMessages,
      polling: setUp.polling ?? { pollSoon: async () => false },
      readWebhook: readProviderWebhook,
      secretOf: async (provider) => setUp.webhookSecrets?.[provider] ?? null,
      clock,
      telemetry,
    }),
    uploads: setUp.uploads ?? null,
    stops: async () => setUp.stops ?? [],
    ...(setUp.maxFileBytes === undefined ? {} : { maxFileBytes: setUp.maxFileBytes }),
    ...(setUp.maxBodyBytes === undefined ? {} : { maxBodyBytes: setUp.maxBodyBytes }),
    ...(setUp.syncWaitMs === undefined ? {} : { syncWaitMs: setUp.syncWaitMs }),
  });
  /** Moves all batches on as far as they can be, and has the worker answer what they ask. */
  const settleBatches = async () => {
    for (const phase of ['accept', 'settle']) {
      for (const ref of await stores.batches.open()) {
        await advanceBatch(ref, { deadlineMs: clock.nowMs() + 60_000 });
      }
      if (phase === 'accept') await worker.settled();
    }
  };
  const { contents } = ports;
  return {
    ...{ app, stores, segments, worker, completions, logged, withdrawn },
    ...{ contents, rings, advanceBatch, settleBatches },
  };
}

/** A POST of JSON, as text or as a value. */
export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

function directory(models: readonly ModelSettings[]): ModelDirectory {
  const byName = new Map(models.map((model) => [model.name, model]));
  return {
    get: (name) => byName.get(name),
    values: () => byName.values(),
    dialectOf: ({ provider }) => DIALECTS[provider],
    explainUnknown: (name) => `model ${JSON.stringify(name.slice(0, 80))} is not configured`,
  };
}

/** Wakes waiters in this process. */
class Completions implements CompletionSignal {
  private readonly clock: Clock;
  private readonly waiters = new Map<string, Set<AbortController>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get waiting(): number {
    return this.waiters.size;
  }

  async wait(tenant: string, id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const key = `${tenant}/${id}`;
    const ended = new AbortController();
    const waiters = this.waiters.get(key) ?? new Set();
    this.waiters.set(key, waiters.add(ended));
    await this.clock.sleep(timeoutMs, AbortSignal.any([signal, ended.signal]));
    waiters.delete(ended);
    if (waiters.size === 0) this.waiters.delete(key);
  }

  announce(tenant: string, id: string): void {
    for (const waiter of this.waiters.get(`${tenant}/${id}`) ?? []) waiter.abort();
  }
}

interface WorkerDeps {
  readonly work: WorkStore;
  readonly segments: MemorySegments;
  readonly completions: Completions;
  readonly clock: Clock;
  readonly models: readonly ModelSettings[];
}

class ScriptedWorker {
  script: Script;
  wakes = 0;
  private readonly deps: WorkerDeps;
  private running: Promise<void> = Promise.resolve();

  constructor(script: Script, deps: WorkerDeps) {
    this.script = script;
    this.deps = deps;
  }

  wake(): void {
    this.wakes += 1;
    this.running = this.running.then(() => this.drain());
  }

  /** Resolves when all that was woken for, and all that is queued now, has had its turn. */
  async settled(): Promise<void> {
    await this.running;
    await this.drain();
  }

  /** Answers what is queued and the script does not hold. */
  async drain(): Promise<void> {
    const nowMs = this.deps.clock.nowMs();
    for (const { name } of this.deps.models) {
      const query = { model: name, owner: 'w', nowMs, expiresAtMs: nowMs + 60_000, limit: 1_000 };
      for (const request of await this.deps.work.lease(query)) await this.answer(request);
    }
  }

  private async answer(request: LeasedRequest): Promise<void> {
    const [bytes] = await this.deps.segments.payloads.read([request.body]);
    const answer = this.script(JSON.parse(Buffer.from(bytes ?? []).toString()), request);
    if (answer === 'hold') {
      await this.deps.work.defer([{ ...request, notBeforeMs: 0 }]);
      return;
    }
    const isAnswer = 'bodyJson' in answer;
    const outcome = {
      id: request.id,
      tenant: request.tenant,
      status: isAnswer && answer.status < 400 ? ('succeeded' as const) : ('failed' as const),
      statusCode: isAnswer ? answer.status : 0,
      errorCode: isAnswer ? (answer.status < 400 ? null : 'provider_rejected') : answer.code,
      lane: 'live' as const,
      provider: 'openai',
      usage: { ...NO_USAGE, inputTokens: 9, outputTokens: 3 },
      costMicroUsd: 42,
      attempts: 1,
      firstAttemptAtMs: this.deps.clock.nowMs(),
      finishedAtMs: this.deps.clock.nowMs(),
    };
    const line = encodeResultLine({
      outcome,
      customId: request.customId,
      requestId: isAnswer ? 'provider-1' : '',
      bodyJson: isAnswer ? answer.bodyJson : null,
      error: isAnswer ? null : answer,
    });
    const result = await this.deps.segments.results.append(request.tenant, Buffer.from(line));
    await this.deps.work.commit([{ ...outcome, result }]);
    this.deps.completions.announce(request.tenant, request.id);
  }
}
