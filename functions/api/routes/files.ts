/** `/v1/files` as OpenAI has it. */

import * as z from 'zod';
import { MAX_FILE_PAGE, MULTIPART_OVERHEAD_BYTES } from '../../../shared/contracts/limits.ts';
import {
  deletedFileSchema,
  fileSchema,
  pageSchema,
  renderFile,
  renderPage,
} from '../../../shared/contracts/openai-batches.ts';
import { openAiErrorSchema, openAiRefusal } from '../../../shared/contracts/openai-error.ts';
import { UPLOAD_PURPOSES } from '../../../shared/domain/batches/stored-file.ts';
import type { ManageFiles } from '../../../shared/usecases/files/manage-files.ts';
import type { OpenContent } from '../../../shared/usecases/files/open-content.ts';
import type { ApiRoute } from '../call.ts';
import { readCursor, readExpiry, readLimit } from '../openai-fields.ts';
import { groupOf, readForm, textOf } from '../read-form.ts';
import { sendJson } from '../respond.ts';
import { readIdempotencyKey } from './submissions.ts';

export interface FileRoutesDeps {
  readonly manageFiles: ManageFiles;
  readonly openContent: OpenContent;
  /** Largest file in one call. Unit: bytes. */
  readonly maxFileBytes: number;
}

const idParams = z.object({ id: z.string() });
const PURPOSES = [...UPLOAD_PURPOSES, 'batch_output'] as const;

export function fileRoutes(deps: FileRoutesDeps): ApiRoute[] {
  const { manageFiles, openContent, maxFileBytes } = deps;
  const otherWay = `Files of more than ${maxFileBytes} bytes come in parts: POST /v1/uploads`;

  const create: ApiRoute = {
    config: {
      method: 'post',
      path: '/v1/files',
      summary: 'Keep a file, e.g. the input of a batch',
      description: `At most ${maxFileBytes} bytes; larger files come in parts: POST /v1/uploads.`,
      request: {
        headers: z.object({ 'idempotency-key': z.string().optional() }),
        body: {
          content: {
            'multipart/form-data': {
              schema: z.object({
                file: z.string().meta({ format: 'binary' }),
                purpose: z.enum(UPLOAD_PURPOSES),
                'expires_after[anchor]': z.literal('created_at').optional(),
                'expires_after[seconds]': z.int().min(3_600).max(2_592_000).optional(),
              }),
            },
          },
        },
      },
      responses: { 200: json('The file', fileSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const { raw } = context.req;
      const idempotencyKey = readIdempotencyKey(raw.headers);
      const form = await readForm(raw, maxFileBytes + MULTIPART_OVERHEAD_BYTES, otherWay);
      const purpose = textOf(form, 'purpose');
      const file = form.get('file');
      if (purpose === null) {
        throw openAiRefusal(
          "'purpose' is a required property",
          'purpose',
          'missing_required_parameter',
        );
      }
      if (file === null || typeof file === 'string') {
        throw openAiRefusal("'file' is a required property", 'file', 'missing_required_parameter');
      }
      const record = await manageFiles.create({
        tenant,
        filename: file.name,
        purpose,
        content: new Uint8Array(await file.arrayBuffer()),
        lifeMs: readExpiry(groupOf(form, 'expires_after'), 'expires_after'),
        idempotencyKey,
      });
      return sendJson(context, 200, JSON.stringify(renderFile(record)));
    },
  };

  const list: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/files',
      summary: 'List files, newest first',
      request: {
        query: z.object({
          after: z
            .string()
            .optional()
            .meta({ description: 'Id of the last file of the page before' }),
          limit: z.int().min(1).max(MAX_FILE_PAGE).optional(),
          order: z.enum(['asc', 'desc']).optional(),
          purpose: z.enum(PURPOSES).optional(),
        }),
      },
      responses: { 200: json('One page', pageSchema(fileSchema)), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const { limit, order = 'desc', purpose, ...query } = context.req.query();
      const after = readCursor(query['after'], 'after');
      if (order !== 'asc' && order !== 'desc') {
        throw openAiRefusal("Invalid 'order': expected 'asc' or 'desc'.", 'order', 'invalid_value');
      }
      const known = PURPOSES.find((candidate) => candidate === purpose);
      if (purpose !== undefined && known === undefined) {
        const names = PURPOSES.map((name) => `'${name}'`).join(', ');
        throw openAiRefusal(
          `Invalid 'purpose': expected one of ${names}.`,
          'purpose',
          'invalid_value',
        );
      }
      const { items, hasMore } = await manageFiles.list({
        tenant,
        order,
        limit: readLimit(limit, MAX_FILE_PAGE, MAX_FILE_PAGE),
        ...(after === undefined ? {} : { after }),
        ...(known === undefined ? {} : { purpose: known }),
      });
      const page = renderPage(items.map(renderFile), hasMore);
      return sendJson(context, 200, JSON.stringify(page));
    },
  };

  const retrieve: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/files/{id}',
      summary: 'Look at a file',
      request: { params: idParams },
      responses: { 200: json('The file', fileSchema), default: refused },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const file = await manageFiles.get(tenant, context.req.param('id') ?? '');
      return sendJson(context, 200, JSON.stringify(renderFile(file)));
    },
  };

  const remove: ApiRoute = {
    config: {
      method: 'delete',
      path: '/v1/files/{id}',
      summary: 'Delete a file and its content',
      request: { params: idParams },
      responses: { 200: json('Deleted', deletedFileSchema), default: refused },
    },
    scope: 'write',
    async handle({ context, tenant }) {
      const id = context.req.param('id') ?? '';
      await manageFiles.delete(tenant, id);
      const deleted: z.infer<typeof deletedFileSchema> = { id, object: 'file', deleted: true };
      return sendJson(context, 200, JSON.stringify(deleted));
    },
  };

  const content: ApiRoute = {
    config: {
      method: 'get',
      path: '/v1/files/{id}/content',
      summary: 'Read a file; the output of a batch also while it runs',
      description:
        'Streamed. Behind a gateway that bounds answers, larger content is redirected to where it lies.',
      request: { params: idParams },
      responses: {
        200: {
          description: 'The content',
          content: { 'application/octet-stream': { schema: z.string() } },
        },
        307: {
          description: 'Where the content is, for a quarter of an hour',
          headers: z.object({ location: z.string() }),
        },
        default: refused,
      },
    },
    scope: 'read',
    async handle({ context, tenant }) {
      const file = await manageFiles.get(tenant, context.req.param('id') ?? '');
      const opened = await openContent(file);
      if (opened.kind === 'elsewhere') return context.redirect(opened.url, 307);
      return context.body(streamOf(opened.content), 200, {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="${headerSafe(file.filename)}"`,
      });
    },
  };

  return [create, list, retrieve, remove, content];
}

/** What a generator gives, as far as somebody reads it. */
export function streamOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}

/** A header takes neither quotes nor letters beyond ASCII. */
function headerSafe(filename: string): string {
  return filename.replace(/[^\x20-\x7e]|["\\]/g, '_');
}

const refused = json('Refused', openAiErrorSchema);

function json(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}
