/** The HTTP API of a Penstock server, typed by the contracts both sides share. */

import * as z from 'zod';
import {
  apiKeySchema,
  countsSchema,
  createdKeySchema,
  healthSchema,
  keyListSchema,
  type keyWishSchema,
  limitsListSchema,
  modelSchema,
  redriveReportSchema,
  requestListSchema,
  type SubmittedList,
  submittedListSchema,
  uploadTargetSchema,
  usageListSchema,
} from '../../shared/contracts/api.ts';
import { messageBatchSchema } from '../../shared/contracts/message-batches.ts';
import { batchSchema } from '../../shared/contracts/openai-batches.ts';
import { AppError } from '../../shared/domain/errors.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { HttpCall, HttpClient } from './http-client.ts';
import { type MadeBatch, ofBatch, ofMessageBatch } from './made-batch.ts';
import { notPenstock } from './refusal.ts';

export type Counts = z.infer<typeof countsSchema>;
export type WireModel = z.infer<typeof modelSchema>;
export type WireLimits = z.infer<typeof limitsListSchema>['data'][number];
export type WireUsage = z.infer<typeof usageListSchema>['data'][number];
export type WireKey = z.infer<typeof apiKeySchema>;
export type Health = z.infer<typeof healthSchema>;

/** What holds for all lines of a part. */
export interface SubmitTerms {
  readonly batch: string;
  readonly completion_window?: string;
  readonly lane?: string;
  readonly tags?: string;
  readonly priority?: string;
}

export interface ResultsPage {
  /** Result lines, each with its line break. */
  readonly bytes: Buffer;
  readonly lines: number;
  readonly next: string | null;
}

export interface ResultsFilter {
  readonly batch?: string | undefined;
  readonly tag?: string | undefined;
  readonly status?: string | undefined;
}

const JSONL = { 'content-type': 'application/jsonl' };
const JSON_TYPE = { 'content-type': 'application/json' };
/** What a call with no good line among many answers with. */
const refusedListSchema = z.object({ answer: submittedListSchema });

export class PenstockApi {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  counts(batch?: string): Promise<Counts> {
    return this.#get(countsSchema, '/v1/requests/counts', { batch });
  }

  /** The batch that was made under this id through one of the vendors' APIs; `null` for a mere name. */
  async madeBatch(id: string): Promise<MadeBatch | null> {
    const name = encodeURIComponent(id);
    try {
      if (id.startsWith('batch_'))
        return ofBatch(await this.#get(batchSchema, `/v1/batches/${name}`));
      if (!id.startsWith('msgbatch_')) return null;
      return ofMessageBatch(await this.#get(messageBatchSchema, `/v1/messages/batches/${name}`));
    } catch (error) {
      if (error instanceof AppError && error.details['status'] === 404) return null;
      throw error;
    }
  }

  async usage(batch: string | undefined, groupBy: readonly string[]): Promise<WireUsage[]> {
    const query = { batch, group_by: groupBy.length === 0 ? undefined : groupBy.join(',') };
    return (await this.#get(usageListSchema, '/v1/usage', query)).data;
  }

  async limits(): Promise<WireLimits[]> {
    return (await this.#get(limitsListSchema, '/v1/limits')).data;
  }

  health(): Promise<Health> {
    return this.#get(healthSchema, '/healthz');
  }

  /** The model, or `null` with the server's words where it is not known there. */
  async model(name: string): Promise<WireModel | { readonly unknown: string }> {
    try {
      return await this.#get(modelSchema, `/v1/models/${encodeURIComponent(name)}`);
    } catch (error) {
      const isUnknown =
        error instanceof AppError &&
        (error.details['status'] === 404 || error.code === 'unknown_model');
      if (isUnknown) return { unknown: error.message.replace(/^\/model: /, '') };
      throw error;
    }
  }

  list(filter: ResultsFilter & { readonly after?: string | undefined; readonly limit: number }) {
    const { batch, tag, status, after, limit } = filter;
    const query = { batch, tag, status, after, limit: String(limit) };
    return this.#get(requestListSchema, '/v1/requests', query);
  }

  async results(filter: ResultsFilter, after: string | undefined): Promise<ResultsPage> {
    const { batch, tag, status } = filter;
    const query = { batch, tag, status, after };
    const answer = await this.#http.send({ method: 'GET', path: '/v1/results', query });
    const type = answer.headers.get('content-type') ?? '';
    if (!type.startsWith('application/jsonl')) throw notPenstock(answer, this.#http.baseUrl);
    return {
      bytes: answer.bytes,
      lines: Number(answer.headers.get('penstock-count') ?? 0),
      next: answer.headers.get('penstock-next'),
    };
  }

  /** Submits lines; the key makes sending them again harmless. */
  submitLines(
    lines: Uint8Array<ArrayBuffer>,
    key: string,
    terms: SubmitTerms,
  ): Promise<SubmittedList> {
    const call = { path: '/v1/requests', headers: { ...JSONL, 'idempotency-key': key } };
    return this.#submit({ ...call, body: lines }, terms);
  }

  /** Puts lines into the server's store; `null` where it has none, as it takes them directly. */
  async upload(lines: Uint8Array<ArrayBuffer>): Promise<string | null> {
    const target = await this.#openUpload(lines.byteLength);
    if (target === null) return null;
    const { id, url, method, headers } = target;
    // The client counts the bytes itself, and would refuse to be told.
    const { 'content-length': _, ...rest } = headers;
    await this.#http.send({ method, path: url, headers: rest, body: lines });
    return id;
  }

  submitUpload(id: string, key: string, terms: SubmitTerms): Promise<SubmittedList> {
    const path = `/v1/requests/uploads/${encodeURIComponent(id)}`;
    return this.#submit({ path, headers: { 'idempotency-key': key } }, terms);
  }

  async createKey(wish: z.input<typeof keyWishSchema>): Promise<z.infer<typeof createdKeySchema>> {
    const call: HttpCall = { method: 'POST', path: '/v1/keys', headers: JSON_TYPE };
    return this.#read(createdKeySchema, { ...call, body: JSON.stringify(wish) });
  }

  async keys(): Promise<WireKey[]> {
    return (await this.#get(keyListSchema, '/v1/keys')).data;
  }

  revokeKey(id: string): Promise<WireKey> {
    const path = `/v1/keys/${encodeURIComponent(id)}`;
    return this.#read(apiKeySchema, { method: 'DELETE', path });
  }

  redrive(limit: number | undefined): Promise<z.infer<typeof redriveReportSchema>> {
    const query = { limit: limit === undefined ? undefined : String(limit) };
    const call: HttpCall = { method: 'POST', path: '/v1/redrive', query, isRepeatable: true };
    return this.#read(redriveReportSchema, call);
  }

  async #openUpload(bytes: number): Promise<z.infer<typeof uploadTargetSchema> | null> {
    const call: HttpCall = { method: 'POST', path: '/v1/requests/uploads', headers: JSON_TYPE };
    const body = JSON.stringify({ bytes });
    try {
      return await this.#read(uploadTargetSchema, { ...call, body, isRepeatable: true });
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return null;
      throw error;
    }
  }

  async #submit(
    call: Pick<HttpCall, 'path' | 'headers' | 'body'>,
    terms: SubmitTerms,
  ): Promise<SubmittedList> {
    try {
      const query = { ...terms };
      const whole: HttpCall = { ...call, method: 'POST', query, isRepeatable: true };
      return await this.#read(submittedListSchema, whole);
    } catch (error) {
      // Where no line was good the list comes with a refusal.
      const list = error instanceof AppError ? refusedListSchema.safeParse(error.details) : null;
      if (list?.success === true) return list.data.answer;
      throw error;
    }
  }

  #get<Value>(
    schema: z.ZodType<Value>,
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Value> {
    return this.#read(schema, { method: 'GET', path, query });
  }

  async #read<Value>(schema: z.ZodType<Value>, call: HttpCall): Promise<Value> {
    const answer = await this.#http.send(call);
    const parsed = schema.safeParse(parseJson(answer));
    if (parsed.success) return parsed.data;
    throw notPenstock(answer, this.#http.baseUrl);
  }
}

function parseJson({ bytes }: HttpAnswer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
