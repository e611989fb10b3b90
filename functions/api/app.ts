/** The HTTP API: the very app that `penstock serve` and the API function mount. */

import { Hono } from 'hono';
import {
  DEFAULT_SYNC_WAIT_MS,
  MAX_BODY_BYTES,
  MAX_FILE_BYTES,
  MAX_MESSAGE_BATCH_BYTES,
  MAX_PART_BYTES,
} from '../../shared/contracts/limits.ts';
import type { ProviderStop } from '../../shared/domain/capacity/provider-stop.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { BatchBell } from '../../shared/ports/batch-bell.ts';
import type { BatchStore } from '../../shared/ports/batch-store.ts';
import type { CapacityStore } from '../../shared/ports/capacity-store.ts';
import type { CompletionSignal } from '../../shared/ports/completion-signal.ts';
import type { ContentAddresses, FileContents } from '../../shared/ports/file-contents.ts';
import type { FileStore } from '../../shared/ports/file-store.ts';
import type { IdClaims } from '../../shared/ports/id-claims.ts';
import type { ResultLog } from '../../shared/ports/payload-store.ts';
import type { WorkStore } from '../../shared/ports/request-store.ts';
import type { Telemetry } from '../../shared/ports/telemetry.ts';
import type { UploadStore } from '../../shared/ports/upload-store.ts';
import { createManageBatches } from '../../shared/usecases/batches/manage-batches.ts';
import { createOpenResults } from '../../shared/usecases/batches/open-results.ts';
import { createShowFiles } from '../../shared/usecases/batches/show-files.ts';
import { createCancelRequest } from '../../shared/usecases/cancel-request.ts';
import type { PublishedResult } from '../../shared/usecases/dispatch-progress.ts';
import { createManageFiles } from '../../shared/usecases/files/manage-files.ts';
import { createManageUploads } from '../../shared/usecases/files/manage-uploads.ts';
import { createOpenContent } from '../../shared/usecases/files/open-content.ts';
import { createGetRequest } from '../../shared/usecases/get-request.ts';
import { createListRequests } from '../../shared/usecases/list-requests.ts';
import type { ManageKeys } from '../../shared/usecases/manage-keys.ts';
import type { Planner } from '../../shared/usecases/planning/planner.ts';
import { createReadLimits } from '../../shared/usecases/read-limits.ts';
import { createReadResults } from '../../shared/usecases/read-results.ts';
import { createReadUsage } from '../../shared/usecases/read-usage.ts';
import type { Redrive } from '../../shared/usecases/redrive.ts';
import {
  createSubmitRequests,
  type SubmitRequestsDeps,
} from '../../shared/usecases/submit-requests.ts';
import { createTakeUploads } from '../../shared/usecases/take-uploads.ts';
import type { ManageWebhooks } from '../../shared/usecases/webhooks/manage-webhooks.ts';
import type { ReceiveProviderWebhook } from '../../shared/usecases/webhooks/receive-provider-webhook.ts';
import type { Authenticate } from './authenticate.ts';
import { type ApiEnv, type ApiRoute, idHeaders, mountRoutes } from './call.ts';
import { sendError } from './respond.ts';
import { batchRoutes } from './routes/batches.ts';
import { completionRoutes } from './routes/completions.ts';
import { fileRoutes } from './routes/files.ts';
import { keyRoutes } from './routes/keys.ts';
import { messageBatchRoutes } from './routes/message-batches.ts';
import { providerWebhookRoutes } from './routes/provider-webhooks.ts';
import { redriveRoutes } from './routes/redrive.ts';
import { reportRoutes } from './routes/reports.ts';
import { requestRoutes } from './routes/requests.ts';
import { resultRoutes } from './routes/results.ts';
import { serviceRoutes } from './routes/service.ts';
import { submissionRoutes } from './routes/submissions.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { webhookRoutes } from './routes/webhooks.ts';

/** The ports the API runs on; the same in both homes. */
export interface ApiDeps extends SubmitRequestsDeps {
  readonly work: WorkStore;
  readonly results: ResultLog;
  readonly capacity: CapacityStore;
  readonly files: FileStore;
  readonly contents: FileContents;
  /** Where larger content is fetched from; `null` in a home that hands it on itself. */
  readonly addresses: ContentAddresses | null;
  readonly batches: BatchStore;
  /** Wakes who moves batches on. */
  readonly bell: BatchBell;
  readonly claims: IdClaims;
  readonly completions: CompletionSignal;
  /** Left out in a home without native batches: what is submitted then waits for a call. */
  readonly planner?: Planner;
  readonly telemetry: Telemetry;
  readonly authenticate: Authenticate;
  readonly manageKeys: ManageKeys;
  readonly manageWebhooks: ManageWebhooks;
  readonly receiveProviderWebhook: ReceiveProviderWebhook;
  /** Where bodies too large for one call go; `null` in a home that takes them directly. */
  readonly uploads: UploadStore | null;
  /** Sends dead letters back; left out in a home that has no queue. */
  readonly redrive?: Redrive;
  /** Called once a cancellation stands: withdraw the request and tell who waits for it. */
  readonly onCancelled: (result: PublishedResult) => void | Promise<void>;
  /** Providers whose requests are held until a person acts. */
  readonly stops: () => Promise<readonly ProviderStop[]>;
  /** Unit: bytes. @default 33554432 */
  readonly maxBodyBytes?: number;
  /** Largest file, and largest part of one, in one call. Unit: bytes. @default 512 MiB, and 64 MiB */
  readonly maxFileBytes?: number;
  /** Largest body of a message batch. Unit: bytes. @default 256 MiB */
  readonly maxMessageBatchBytes?: number;
  /** Longer no file is kept. Unit: ms. @default there is no such bound */
  readonly mostFileLifeMs?: number;
  /** Longest a synchronous route waits for its answer. Unit: ms. @default 300000 */
  readonly syncWaitMs?: number;
}

const UPLOAD_ADVICE = `Send fewer requests in one call, or up to ${MAX_BODY_BYTES} bytes as an upload: POST /v1/requests/uploads, which penstock submit does by itself`;

/** The app over its ports; mount it with `@hono/node-server` or `hono/aws-lambda`. */
export function createApi(deps: ApiDeps): Hono<ApiEnv> {
  const { requests, models, random, telemetry, authenticate, manageKeys, stops, uploads } = deps;
  const maxBodyBytes = deps.maxBodyBytes ?? MAX_BODY_BYTES;
  const syncWaitMs = deps.syncWaitMs ?? DEFAULT_SYNC_WAIT_MS;
  const submitRequests = createSubmitRequests(deps);
  const getRequest = createGetRequest(deps);
  const maxFileBytes = deps.maxFileBytes ?? MAX_FILE_BYTES;
  const mostFileLifeMs = deps.mostFileLifeMs ?? null;
  const manageFiles = createManageFiles({ ...deps, mostFileLifeMs });
  const showFiles = createShowFiles(deps);
  const manageBatches = createManageBatches({ ...deps, manageFiles, showFiles, mostFileLifeMs });

  const app = new Hono<ApiEnv>();
  app.use(async (context, next) => {
    const callId = random.id('call_');
    context.set('callId', callId);
    for (const [name, value] of Object.entries(idHeaders(callId))) context.header(name, value);
    context.header('x-content-type-options', 'nosniff');
    context.header('cache-control', 'no-store');
    await next();
  });
  app.onError((error, context) => sendError(context, error, telemetry));
  app.notFound((context) => {
    const error = new AppError('not_found', 'No route has this path. See /openapi.json');
    return sendError(context, error, telemetry);
  });
  const routes: ApiRoute[] = [
    ...submissionRoutes({
      submitRequests,
      getRequest,
      takeUploads: createTakeUploads(uploads, random, maxBodyBytes),
      otherWay: uploads === null ? undefined : UPLOAD_ADVICE,
      maxBodyBytes,
    }),
    ...requestRoutes({
      getRequest,
      listRequests: createListRequests(requests, deps.planner),
      cancelRequest: createCancelRequest(deps),
      countRequests: (tenant, batchId) => requests.counts(tenant, batchId),
    }),
    ...resultRoutes({ readResults: createReadResults(deps) }),
    ...fileRoutes({ manageFiles, openContent: createOpenContent(deps), maxFileBytes }),
    ...uploadRoutes({
      manageUploads: createManageUploads({ ...deps, manageFiles }),
      maxPartBytes: Math.min(maxFileBytes, MAX_PART_BYTES),
      maxBodyBytes,
      clock: deps.clock,
    }),
    ...batchRoutes({ manageBatches, maxBodyBytes }),
    ...messageBatchRoutes({
      manageBatches,
      openResults: createOpenResults(deps),
      clock: deps.clock,
      maxBatchBytes: deps.maxMessageBatchBytes ?? MAX_MESSAGE_BATCH_BYTES,
    }),
    ...keyRoutes({ manageKeys, maxBodyBytes }),
    ...webhookRoutes({ manage: deps.manageWebhooks }),
    ...providerWebhookRoutes({ receive: deps.receiveProviderWebhook }),
    ...redriveRoutes(deps.redrive ?? null),
    ...completionRoutes({ submitRequests, getRequest, maxBodyBytes, syncWaitMs }),
    ...reportRoutes({
      models,
      readLimits: createReadLimits(deps),
      readUsage: createReadUsage(requests),
    }),
    ...serviceRoutes({ routes: () => routes.map(({ config }) => config), stops }),
  ];
  mountRoutes(app, routes, authenticate);
  return app;
}
