/** A batch provider of each dialect, in front of a server that says what a test tells it to. */

import { createNativeProvider } from '../../../shared/adapters/providers/native/create-native-provider.ts';
import type { ProviderSettings } from '../../../shared/adapters/providers/settings.ts';
import type { NativeRow } from '../../../shared/domain/native/native-batch.ts';
import type { Endpoint } from '../../../shared/domain/requests/request.ts';
import type {
  NativeBatchFailure,
  NativeBatchInput,
  NativeBatchProvider,
} from '../../../shared/ports/native-batch-provider.ts';

export const NEVER = new AbortController().signal;
export const API_KEY = 'sk-0123456789abcdef0123';
/** The adapters only read the time; they never sleep. */
const CLOCK = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };

export const DIALECTS = [
  'openai',
  'compatible',
  'mistral',
  'azure',
  'azure dated',
  'anthropic',
] as const;
export type DialectName = (typeof DIALECTS)[number];

export function createScripted(
  dialect: DialectName,
  baseUrl: string,
  more: Partial<Pick<ProviderSettings, 'timeouts' | 'maxAnswerBytes' | 'batchLimits'>> = {},
): NativeBatchProvider {
  return createNativeProvider('scripted', settingsOf(dialect, baseUrl, more), { clock: CLOCK });
}

function settingsOf(
  dialect: DialectName,
  baseUrl: string,
  more: Partial<Pick<ProviderSettings, 'timeouts' | 'maxAnswerBytes' | 'batchLimits'>>,
): ProviderSettings {
  const common = { ...more, apiKey: API_KEY, baseUrl };
  switch (dialect) {
    case 'azure':
      return { ...common, dialect: 'azure-openai' };
    case 'azure dated':
      return { ...common, dialect: 'azure-openai', apiVersion: '2024-10-21' };
    case 'anthropic':
      return { ...common, dialect: 'anthropic' };
    default:
      return { ...common, dialect: 'openai', batchApi: dialect };
  }
}

export const endpointOf = (dialect: DialectName): Endpoint =>
  dialect === 'anthropic' ? '/v1/messages' : '/v1/chat/completions';

export function inputFor(
  dialect: DialectName,
  bodies: readonly Readonly<Record<string, unknown>>[],
): NativeBatchInput {
  return {
    jobId: 'job-1',
    endpoint: endpointOf(dialect),
    model: 'deployed',
    rowCount: bodies.length,
    async *rows() {
      for (const [row, body] of bodies.entries()) yield { rowId: `n0nce_${row}`, body };
    },
  };
}

/** A provider's batch that has ended, as its dialect writes it. */
export function endedBatch(dialect: DialectName): Record<string, unknown> {
  switch (dialect) {
    case 'anthropic':
      return {
        id: 'msgbatch_1',
        type: 'message_batch',
        processing_status: 'ended',
        request_counts: { processing: 0, succeeded: 2, errored: 0, canceled: 0, expired: 0 },
        ended_at: '2026-01-01T00:01:00.000000+00:00',
        created_at: '2026-01-01T00:00:00.000000+00:00',
        expires_at: '2026-01-02T00:00:00.000000+00:00',
        archived_at: null,
        cancel_initiated_at: null,
        results_url: 'https://elsewhere.example/v1/messages/batches/msgbatch_1/results',
      };
    case 'mistral':
      return {
        id: '0f9e',
        object: 'batch',
        input_files: ['in-1'],
        metadata: { penstock_job: 'job-1' },
        endpoint: '/v1/chat/completions',
        model: 'deployed',
        status: 'SUCCESS',
        errors: [],
        created_at: 1_767_225_600,
        total_requests: 2,
        completed_requests: 2,
        succeeded_requests: 2,
        failed_requests: 0,
        output_file: 'out-1',
        error_file: null,
      };
    default:
      return {
        id: 'batch_1',
        object: 'batch',
        endpoint: '/v1/chat/completions',
        errors: null,
        input_file_id: 'file-in',
        completion_window: '24h',
        status: 'completed',
        output_file_id: 'file-out',
        error_file_id: null,
        created_at: 1_767_225_600,
        expires_at: 1_767_312_000,
        request_counts: { total: 2, completed: 2, failed: 0 },
        metadata: { penstock_job: 'job-1' },
      };
  }
}

/** A line of results with an answer. */
export function goodLine(dialect: DialectName, rowId: string): string {
  return JSON.stringify(
    dialect === 'anthropic'
      ? {
          custom_id: rowId,
          result: {
            type: 'succeeded',
            message: {
              id: 'msg_1',
              type: 'message',
              content: [{ type: 'text', text: 'Blue.' }],
              stop_reason: 'end_turn',
              usage: { input_tokens: 10, output_tokens: 3 },
            },
          },
        }
      : {
          id: 'batch_req_1',
          custom_id: rowId,
          response: {
            status_code: 200,
            request_id: 'ab12',
            body: {
              id: 'chatcmpl-1',
              object: 'chat.completion',
              choices: [
                {
                  index: 0,
                  message: { role: 'assistant', content: 'Blue.' },
                  finish_reason: 'stop',
                },
              ],
              usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
            },
          },
          error: null,
        },
  );
}

export type RowOrFailure = NativeRow | NativeBatchFailure;

/** True for what ends a reading; a row that failed looks much the same. */
export function isEnd(one: RowOrFailure): one is NativeBatchFailure {
  return one.kind === 'failed' && 'isAmbiguous' in one;
}

export async function readAll(
  provider: NativeBatchProvider,
  dialect: DialectName,
  fromRow = 0,
  signal = NEVER,
): Promise<RowOrFailure[]> {
  const query = { output: 'out-1', endpoint: endpointOf(dialect), model: 'deployed', fromRow };
  const all: RowOrFailure[] = [];
  for await (const one of provider.rows(query, signal)) all.push(one);
  return all;
}
