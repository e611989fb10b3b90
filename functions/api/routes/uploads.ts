/** `/v1/uploads` as OpenAI has it: files that come in parts. */

import * as z from 'zod';
import { MULTIPART_OVERHEAD_BYTES } from '../../../shared/contracts/limits.ts';
import {
  renderUpload,
  uploadPartSchema,
  uploadSchema,
} from '../../../shared/contracts/openai-batches.ts';
import { openAiErrorSchema, openAiRefusal } from '../../../shared/contracts/openai-error.ts';
import { UPLOAD_PURPOSES } from '../../../shared/domain/batches/stored-file.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { type ManageUploads, uploadStatus } from '../../../shared/usecases/files/manage-uploads.ts';
import type { ApiRoute } from '../call.ts';
import { objectOf, readExpiry, requiredText } from '../openai-fields.ts';
import { bodyFormat, parseJson, readBytes } from '../read-body.ts';
import { readForm } from '../read-form.ts';
import { sendJson } from '../respond.ts';

export interface UploadRoutesDeps {
  readonly manageUploads: ManageUploads;
  /** Unit: bytes. */
  readonly maxPartBytes: number;
  /** Unit: bytes. */
  readonly maxBodyBytes: number;
  readonly clock: Clock;
}

const FIELDS = ['bytes', 'filename', 'mime_type', 'purpose', 'expires_after'];
const idParams = z.object({ id: z.string() });
const expirySchema = z.object({
  anchor: z.literal('created_at'),
  seconds: z.int().min(3_600).max(2_592_000),
});

export function uploadRoutes(deps: UploadRoutesDeps): ApiRoute[] {
  const { manageUploads, maxPartBytes, maxBodyBytes, clock } = deps;

  const create: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/uploads',
      summary: 'Begin a file that comes in parts',
      description: `Parts of at most ${maxPartBytes} bytes, within an hour.`,
      request: {
        body: {
          content: {
            'application/json': {
              schema: z.object({
                bytes: z.int().min(1),
                filename: z.string(),
                mime_type: z.string(),
                purpose: z.enum(UPLOAD_PURPOSES),
                expires_after: expirySchema.optional(),
              }),
            },
          },
        },
      },
      responses: { 200: json('The upload', uploadSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      bodyFormat(context.req.raw.headers, false);
      const body = objectOf(parseJson(await readBytes(context.req.raw, maxBodyBytes)), FIELDS);
      const { bytes } = body;
      if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 1) {
        throw openAiRefusal(
          "Invalid 'bytes': expected an integer from 1.",
          'bytes',
          'invalid_value',
        );
      }
      requiredText(body, 'mime_type');
      const upload = await manageUploads.create({
        tenant,
        filename: requiredText(body, 'filename'),
        purpose: requiredText(body, 'purpose'),
        bytes,
        lifeMs: readExpiry(body['expires_after'], 'expires_after'),
      });
      return sendJson(context, 200, JSON.stringify(renderUpload(upload, 'pending', null)));
    },
  };

  const addPart: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/uploads/{id}/parts',
      summary: 'Add a part; parts may come at once, and in any order',
      request: {
        params: idParams,
        body: {
          content: {
            'multipart/form-data': {
              schema: z.object({ data: z.string().meta({ format: 'binary' }) }),
            },
          },
        },
      },
      responses: { 200: json('The part', uploadPartSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      const otherWay = `A part holds at most ${maxPartBytes} bytes. Send smaller parts`;
      const most = maxPartBytes + MULTIPART_OVERHEAD_BYTES;
      const data = (await readForm(context.req.raw, most, otherWay)).get('data');
      if (data === null || typeof data === 'string') {
        throw openAiRefusal("'data' is a required property", 'data', 'missing_required_parameter');
      }
      const content = new Uint8Array(await data.arrayBuffer());
      const part = await manageUploads.addPart(tenant, id, content);
      const shown: z.infer<typeof uploadPartSchema> = {
        id: part.id,
        object: 'upload.part',
        created_at: Math.floor(clock.nowMs() / 1_000),
        upload_id: id,
      };
      return sendJson(context, 200, JSON.stringify(shown));
    },
  };

  const complete: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/uploads/{id}/complete',
      summary: 'Make a file of the parts, in the order given',
      request: {
        params: idParams,
        body: {
          content: {
            'application/json': {
              schema: z.object({ part_ids: z.array(z.string()), md5: z.string().optional() }),
            },
          },
        },
      },
      responses: { 200: json('The upload with its file', uploadSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      bodyFormat(context.req.raw.headers, false);
      const given = parseJson(await readBytes(context.req.raw, maxBodyBytes));
      const { part_ids: ids, md5 } = objectOf(given, ['part_ids', 'md5']);
      if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string')) {
        const message = "Missing required parameter: 'part_ids'.";
        throw openAiRefusal(message, 'part_ids', 'missing_required_parameter');
      }
      if (md5 !== undefined && typeof md5 !== 'string') {
        throw openAiRefusal("Invalid type for 'md5': expected a string.", 'md5', 'invalid_type');
      }
      const completion = { partIds: ids, md5: md5 ?? null };
      const id = context.req.param('id') ?? '';
      const { upload, file } = await manageUploads.complete(tenant, id, completion);
      return sendJson(context, 200, JSON.stringify(renderUpload(upload, 'completed', file)));
    },
  };

  const cancel: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/uploads/{id}/cancel',
      summary: 'Give an upload up',
      request: { params: idParams },
      responses: { 200: json('The upload', uploadSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const upload = await manageUploads.cancel(tenant, context.req.param('id') ?? '');
      const status = uploadStatus(upload, clock.nowMs());
      return sendJson(context, 200, JSON.stringify(renderUpload(upload, status, null)));
    },
  };

  return [create, addPart, complete, cancel];
}

const refused = json('Refused', openAiErrorSchema);

function json(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}
