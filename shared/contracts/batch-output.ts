/** Rows of OpenAI's output and error files. Those that a provider answered are kept byte for byte. */

import { openAiError } from './openai-error.ts';

/** Of rows that no provider answered: OpenAI's word, and ours where it has none. */
const ROW_CODES: Readonly<Record<string, { readonly code: string; readonly message: string }>> = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: {
    code: 'batch_cancelled',
    message: 'This request was not executed because the batch was cancelled.',
  },
};

/** A row without an answer, since its time or its batch was over. */
export function unansweredRow(
  id: string,
  customId: string | null,
  status: 'expired' | 'cancelled',
): string {
  return JSON.stringify({ id, custom_id: customId, response: null, error: ROW_CODES[status] });
}

/** A row that was refused before it was sent: as OpenAI answers one that its endpoint refuses. */
export function refusedRow(
  id: string,
  customId: string | null,
  {
    status,
    code,
    message,
    param,
  }: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly param: string | null;
  },
): string {
  const body = openAiError(status, message, { code, param });
  const response = { status_code: status, request_id: '', body };
  return JSON.stringify({ id, custom_id: customId, response, error: null });
}
