import type { ProviderStop } from '../domain/capacity/provider-stop.ts';
import type { NativeJobPhase } from '../domain/native/native-job.ts';
import type { RequestOutcome } from '../domain/requests/request.ts';

/** What the dispatcher did and is doing, since it was created. Plain numbers, cheap to read. */
export interface DispatchProgress {
  readonly succeeded: number;
  readonly failed: number;
  /** Calls awaiting an answer now. */
  readonly inFlight: number;
  /** Calls begun. */
  readonly sent: number;
  readonly throttled: number;
  /** Attempts that failed and will be tried again. */
  readonly retried: number;
  readonly costMicroUsd: number;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  /** Answers whose provider did not say what they used; they count as free. */
  readonly unmetered: number;
  readonly models: readonly ModelProgress[];
  readonly stops: readonly ProviderStop[];
  /** Open batch jobs, where this process works on them; oldest first. */
  readonly jobs?: readonly JobProgress[];
}

/** One native batch, for people who wait for it. */
export interface JobProgress {
  readonly provider: string;
  readonly model: string;
  readonly phase: NativeJobPhase;
  /** The provider's own word for how its batch stands; `null` while there is none. */
  readonly rawStatus: string | null;
  readonly rows: number;
  /** Rows done at the provider, as far as it says. */
  readonly done: number;
  /** Rows whose results were taken in. */
  readonly taken: number;
  /** When it ends, as likely as not; `null` while nobody knows. Unit: ms since the epoch. */
  readonly expectedEndAtMs: number | null;
  /** Why it waits, when something holds it up. */
  readonly note: string | null;
  /** What a person should know of it, e.g. that it does not end; `null` while all is well. */
  readonly concern: string | null;
}

export interface ModelProgress {
  readonly model: string;
  readonly provider: string;
  /** Calls begun. */
  readonly sent: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Share of the binding limit used over the last seconds, 0 to 1; `null` while unlimited. */
  readonly limitUsed: number | null;
  /** Which limit binds; `null` while none does. */
  readonly boundBy: string | null;
  /** Calls are held until this instant after a refusal; 0 when not held. Unit: ms since the epoch. */
  readonly pausedUntilMs: number;
  /**
   * Requests are held, none is on its way, and none can leave before this instant (Infinity when
   * only a wake could change that); 0 while it is otherwise. Unit: ms since the epoch.
   */
  readonly quietUntilMs: number;
}

/** One published outcome with the output line that carries it. */
export interface PublishedResult {
  readonly outcome: RequestOutcome;
  readonly customId: string | null;
  readonly line: Uint8Array;
}
