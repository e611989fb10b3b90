import type { ProviderOutcome } from '../domain/capacity/provider-outcome.ts';
import type { Lane } from '../domain/lanes/lane.ts';
import type { Endpoint } from '../domain/requests/request.ts';

export interface ProviderCall {
  readonly requestId: string;
  readonly endpoint: Endpoint;
  /** Model name as the provider knows it. */
  readonly model: string;
  /** The request body as the caller wrote it (a parsed JSON object). Not to be mutated. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly lane: Lane;
  /** Given up as `provider_timeout` after this, where that is sooner than usual. Unit: ms. @default as usual */
  readonly withinMs?: number | null;
  /** Set provider-side cache marks on the shared opening, where the dialect has such. */
  readonly markSharedPrefix: boolean;
}

/** A provider's synchronous API. */
export interface CompletionProvider {
  /** Name in the configuration, e.g. `openai` or `azure-eu`. */
  readonly name: string;
  /**
   * Calls once and says what came of it. Never throws, never retries, never sleeps on
   * `retry-after`: retries have one home, the dispatcher. Every answer is bounded in time and
   * size. An abort ends the call as `provider_timeout` with `isAmbiguous: true`.
   */
  call(call: ProviderCall, signal: AbortSignal): Promise<ProviderOutcome>;
  /** Checks address and key with a free call; used by `penstock doctor`. */
  probe(signal: AbortSignal): Promise<ProviderProbe>;
  /** Closes sockets. */
  close(): Promise<void>;
}

export interface ProviderProbe {
  readonly isReachable: boolean;
  readonly isAuthorized: boolean;
  /** One sentence for a person, with the remedy when something is wrong. */
  readonly detail: string;
  readonly models: readonly string[];
  /** Provider's clock minus ours, from the Date header; `null` when it sent none. Unit: ms. */
  readonly clockSkewMs: number | null;
}
