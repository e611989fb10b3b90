import type { ErrorCode } from '../../shared/domain/errors.ts';
import type { ModelSettings } from '../../shared/domain/model-limits.ts';
import type { Endpoint } from '../../shared/domain/request.ts';

/** How large a request is, or why it can never fit. */
export type RequestSize =
  | { readonly kind: 'fits'; readonly inputTokens: number; readonly maxOutputTokens: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export type SizeRequest = (
  endpoint: Endpoint,
  model: ModelSettings,
  body: Readonly<Record<string, unknown>>,
) => RequestSize | Promise<RequestSize>;
