import type { RequestOutcome } from '../../domain/requests/request.ts';
import type { CompletionEvent } from '../../domain/webhooks/webhook-event.ts';
import type { CompletionEvents } from '../../ports/completion-events.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { PublishedResult } from '../dispatch-progress.ts';

/** A request with its one outcome. */
export interface EndedRequest {
  readonly outcome: RequestOutcome;
  readonly customId: string | null;
}

/** The end of a request, to be told. */
export function endOf({ outcome, customId }: EndedRequest): CompletionEvent {
  return {
    kind: 'request',
    tenant: outcome.tenant,
    requestId: outcome.id,
    customId,
    status: outcome.status,
    endedAtMs: outcome.finishedAtMs,
  };
}

/**
 * Tells of requests as they end, behind the back of who ends them: nobody waits for it, and a fault
 * of it harms no request. What a process that dies had published and not told is not told later;
 * what it had not published is, by who adopts it.
 */
export class CompletionTeller {
  readonly #events: CompletionEvents;
  readonly #telemetry: Telemetry;
  readonly #telling = new Set<Promise<void>>();

  constructor(events: CompletionEvents, telemetry: Telemetry) {
    this.#events = events;
    this.#telemetry = telemetry;
  }

  published(results: readonly PublishedResult[]): void {
    const telling = this.#tell(results).finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
  }

  /** Resolves once all that was published has been told, or has failed to be. */
  async settle(): Promise<void> {
    await Promise.all(this.#telling);
  }

  async #tell(results: readonly PublishedResult[]): Promise<void> {
    try {
      await this.#events.publish(results.map(endOf));
    } catch (error) {
      const requests = results.length;
      this.#telemetry.log('error', 'Ends of requests were not told', { requests, error });
    }
  }
}
