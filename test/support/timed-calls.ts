/** A provider's synchronous API in virtual time: each call takes what it is told, and is billed. */

import type { ProviderOutcome } from '../../shared/domain/capacity/provider-outcome.ts';
import type { Lane } from '../../shared/domain/lanes/lane.ts';
import type { CompletionProvider, ProviderCall } from '../../shared/ports/completion-provider.ts';
import type { FakeClock } from './fake-clock.ts';
import { failure } from './virtual-provider.ts';

/** How long calls take. */
export interface CallTimes {
  /** Of the nth request. Unit: ms. */
  readonly answerMs: (nth: number, lane: Lane) => number;
  /** Whether the discounted tier has no room for the nth request now. @default it has */
  readonly refusesFlex?: (nth: number) => boolean;
}

const REFUSAL_MS = 50;

export function createTimedCalls(name: string, clock: FakeClock, times: CallTimes) {
  const billed = new Map<string, Lane[]>();
  const books = { live: 0, flex: 0, flexRefused: 0 };
  const call = async (
    { requestId, lane, withinMs }: ProviderCall,
    signal: AbortSignal,
  ): Promise<ProviderOutcome> => {
    const nth = Number(requestId.slice(1));
    if (lane === 'flex' && times.refusesFlex?.(nth) === true) {
      books.flexRefused += 1;
      await clock.sleep(REFUSAL_MS, signal);
      return failure('lane_unavailable', 429);
    }
    books[lane === 'flex' ? 'flex' : 'live'] += 1;
    const answerMs = times.answerMs(nth, lane);
    if (answerMs > (withinMs ?? answerMs)) {
      await clock.sleep(withinMs ?? answerMs, signal);
      return failure('provider_timeout', 0);
    }
    await clock.sleep(answerMs, signal);
    billed.set(requestId, [...(billed.get(requestId) ?? []), lane]);
    return {
      kind: 'answered',
      statusCode: 200,
      requestId: `upstream-${requestId}`,
      bodyJson: JSON.stringify({ answer: requestId }),
      usage: {
        inputTokens: 100,
        cachedInputTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: 50,
      },
      finishReason: 'stop',
      signals: { windows: {} },
    };
  };
  const provider: CompletionProvider = {
    name,
    call,
    probe: async () => ({
      isReachable: true,
      isAuthorized: true,
      detail: 'virtual',
      models: [],
      clockSkewMs: 0,
    }),
    close: async () => undefined,
  };
  return { provider, billed, books };
}
