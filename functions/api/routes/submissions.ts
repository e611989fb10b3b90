/** Submitting: one request, an array of them, one a line, or what was uploaded. */

import * as z from 'zod';
import {
  idempotencyKeySchema,
  requestSchema,
  type SubmittedList,
  submissionSchema,
  submitQuerySchema,
  submittedListSchema,
  uploadTargetSchema,
  uploadWishSchema,
} from '../../../shared/contracts/api.ts';
import { MAX_BODY_BYTES, MAX_REQUESTS_PER_CALL } from '../../../shared/contracts/limits.ts';
import { problemSchema, toProblem } from '../../../shared/contracts/problem.ts';
import { AppError } from '../../../shared/domain/errors.ts';
import { isTerminal } from '../../../shared/domain/requests/request-state.ts';
import type { GetRequest } from '../../../shared/usecases/get-request.ts';
import type { Submission, SubmitRequests } from '../../../shared/usecases/submit-requests.ts';
import type { TakeUploads } from '../../../shared/usecases/take-uploads.ts';
import type { ApiCall, ApiRoute } from '../call.ts';
import { checkInput } from '../check-input.ts';
import {
  type CallDefaults,
  type ParsedSubmissions,
  parseSubmissionLines,
  parseSubmissions,
} from '../parse-submissions.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { renderRequest } from '../render-request.ts';
import { sendJson } from '../respond.ts';

export interface SubmissionRoutesDeps {
  readonly submitRequests: SubmitRequests;
  readonly getRequest: GetRequest;
  readonly takeUploads: TakeUploads;
  /** Says where a body over the limit may go; `undefined` where there is no other way. */
  readonly otherWay: string | undefined;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
}

const callHeaders = z.object({
  'idempotency-key': idempotencyKeySchema.optional(),
  'penstock-batch': submitQuerySchema.shape.batch,
});

/** What a call says of all its requests. */
interface CallTerms {
  /** The Idempotency-Key header. */
  readonly key: string | null;
  readonly batchId: string | null;
  readonly defaults: CallDefaults;
}

export function submissionRoutes(deps: SubmissionRoutesDeps): ApiRoute[] {
  const { submitRequests, getRequest, takeUploads, maxBodyBytes, otherWay } = deps;

  const submit: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/requests',
      summary: 'Submit one request, an array of them, or one a line',
      description: `At most ${MAX_REQUESTS_PER_CALL} in one call. Many are judged one by one: the answer lists them by index. An Idempotency-Key names the whole call: sent again, it names the same requests.`,
      request: {
        headers: callHeaders,
        query: submitQuerySchema,
        body: {
          content: {
            'application/json': {
              schema: z.union([submissionSchema, z.array(submissionSchema)]),
            },
            'application/jsonl': { schema: submissionSchema },
          },
        },
      },
      responses: {
        200: json('Accepted before under the same key, and ended', requestSchema),
        202: json('Accepted', z.union([requestSchema, submittedListSchema])),
        default: problem,
      },
    },
    scope: 'write',
    async handle(call) {
      const terms = readTerms(call);
      const format = bodyFormat(call.context.req.raw.headers, true);
      const bytes = await readBytes(call.context.req.raw, maxBodyBytes, otherWay);
      const parsed =
        format === 'lines'
          ? parseSubmissionLines(bytes, terms.defaults)
          : parseSubmissions(bytes, terms.key, terms.defaults);
      return answer(call, parsed, terms);
    },
  };

  const openUpload: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/requests/uploads',
      summary: 'Get a place to PUT request lines that are too large for one call',
      description: `At most ${MAX_BODY_BYTES} bytes. Then submit them: POST /v1/requests/uploads/{id}.`,
      request: { body: { content: { 'application/json': { schema: uploadWishSchema } } } },
      responses: { 201: json('Where to put them', uploadTargetSchema), default: problem },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      bodyFormat(context.req.raw.headers, false);
      const body = parseJson(await readBytes(context.req.raw, maxBodyBytes));
      const { bytes } = checkInput(uploadWishSchema, body);
      const { id, url, headers, expiresAtMs } = await takeUploads.open(tenant, bytes);
      const target: z.infer<typeof uploadTargetSchema> = {
        object: 'upload',
        id,
        url,
        method: 'PUT',
        headers: { ...headers },
        expires_at_ms: expiresAtMs,
      };
      return sendJson(context, 201, JSON.stringify(target));
    },
  };

  const submitUpload: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/requests/uploads/{id}',
      summary: 'Submit what was uploaded, as JSON lines',
      description:
        'As POST /v1/requests with application/jsonl. Without an Idempotency-Key the upload itself names the call.',
      request: {
        params: z.object({ id: z.string() }),
        headers: callHeaders,
        query: submitQuerySchema,
      },
      responses: { 202: json('Accepted', submittedListSchema), default: problem },
    },
    scope: 'write',
    async handle(call) {
      const terms = readTerms(call);
      const id = call.context.req.param('id') ?? '';
      const bytes = await takeUploads.read(call.tenant, id);
      const parsed = parseSubmissionLines(bytes, terms.defaults);
      return answer(call, parsed, { ...terms, key: terms.key ?? id });
    },
  };

  // A fixed path before one with an id in its place: the first that fits answers.
  return [submit, openUpload, submitUpload];

  function answer(
    call: ApiCall,
    parsed: ParsedSubmissions,
    { key, batchId }: CallTerms,
  ): Promise<Response> {
    return parsed.kind === 'one'
      ? submitOne(call, parsed.submission, batchId)
      : submitMany(call, parsed.submissions, { callKey: key, batchId });
  }

  async function submitOne(
    call: ApiCall,
    submission: Submission,
    batchId: string | null,
  ): Promise<Response> {
    const [outcome] = await submitRequests(call.principal, [submission], { batchId });
    if (outcome === undefined) throw new AppError('internal', 'The submission has no outcome');
    if (outcome.kind === 'refused') throw outcome.error;
    const found = await getRequest(call.tenant, outcome.id);
    return sendJson(call.context, isTerminal(found.view.status) ? 200 : 202, renderRequest(found), {
      location: locationOf(call.context.req.path, outcome.id),
      ...(outcome.isReplay ? REPLAYED : {}),
    });
  }

  async function submitMany(
    { context, principal }: ApiCall,
    items: readonly (Submission | AppError)[],
    options: { readonly callKey: string | null; readonly batchId: string | null },
  ): Promise<Response> {
    const wellFormed = items.filter((item): item is Submission => !(item instanceof AppError));
    const outcomes = (await submitRequests(principal, wellFormed, options)).values();
    const data = items.map((item, index): SubmittedList['data'][number] => {
      const outcome =
        item instanceof AppError
          ? { kind: 'refused' as const, error: item }
          : outcomes.next().value;
      if (outcome === undefined) throw new AppError('internal', 'A submission has no outcome');
      if (outcome.kind === 'refused') {
        return { index, id: null, status: 'refused', error: toProblem(outcome.error) };
      }
      const status = outcome.isReplay ? 'replayed' : 'accepted';
      return { index, id: outcome.id, status, error: null };
    });
    const countOf = (wanted: string): number =>
      data.filter(({ status }) => status === wanted).length;
    const [refused, replayed] = [countOf('refused'), countOf('replayed')];
    const list: SubmittedList = {
      object: 'list',
      batch: options.batchId,
      accepted: data.length - refused,
      replayed,
      refused,
      data,
    };
    if (refused < data.length) {
      const isReplay = replayed === data.length - refused;
      return sendJson(context, 202, JSON.stringify(list), isReplay ? REPLAYED : {});
    }
    const error = new AppError('invalid_request', `None of the ${refused} requests was accepted`);
    const body = JSON.stringify({
      ...toProblem(error, { instance: context.get('callId') }),
      ...list,
    });
    return sendJson(context, 400, body, { 'content-type': 'application/problem+json' });
  }
}

const REPLAYED = { 'idempotency-replayed': 'true' };

/** @throws {AppError} `invalid_request` when the batch is named twice, and differently. */
function readTerms({ context }: ApiCall): CallTerms {
  const { headers } = context.req.raw;
  const { batch, ...defaults } = checkInput(submitQuerySchema, context.req.query());
  const named = checkInput(callHeaders, {
    'idempotency-key': headers.get('idempotency-key') ?? undefined,
    'penstock-batch': headers.get('penstock-batch') ?? undefined,
  });
  const headerBatch = named['penstock-batch'] ?? batch;
  if (headerBatch !== (batch ?? headerBatch)) {
    throw new AppError('invalid_request', 'batch: differs from the Penstock-Batch header');
  }
  return { key: named['idempotency-key'] ?? null, batchId: headerBatch ?? null, defaults };
}

/** The header, checked. @throws {AppError} `invalid_request` when it is no key. */
export function readIdempotencyKey(headers: Headers): string | null {
  const key = headers.get('idempotency-key') ?? undefined;
  return checkInput(callHeaders, { 'idempotency-key': key })['idempotency-key'] ?? null;
}

const problem = json('Refused', problemSchema, 'application/problem+json');

function json(description: string, schema: z.ZodType, type = 'application/json') {
  return { description, content: { [type]: { schema } } };
}

/** Relative to the path that was called: behind a gateway that begins with a stage we do not see. */
function locationOf(path: string, id: string): string {
  return path.endsWith('/requests') ? `requests/${id}` : `../${id}`;
}
