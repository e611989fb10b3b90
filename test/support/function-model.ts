/**
 * A Lambda function on a clock of its own: execution environments that are reused while warm,
 * a timeout that kills, and throttling.
 */

import type { Clock } from '../../shared/ports/clock.ts';
import { Life } from './mortal.ts';

/** What of Lambda's context handlers may use. */
export interface InvocationContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

export type InvokedHandler<Event> = (event: Event, context: InvocationContext) => unknown;

export interface FunctionSettings<Event> {
  /** Up to 15 minutes [21]. */
  readonly timeoutMs: number;
  /** A cold start: builds the handler of a new environment, whose end is the life's. */
  readonly start: (life: Life) => InvokedHandler<Event> | Promise<InvokedHandler<Event>>;
  /** Whether an invocation at this instant is refused, as by reserved concurrency used up. */
  readonly isThrottled?: (nowMs: number) => boolean;
  /** Called with each environment about to be invoked, e.g. to end it in the midst. */
  readonly onInvoke?: (life: Life, invocation: number) => void;
}

export type Invocation =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'timed_out' | 'killed' | 'throttled' };

interface Environment<Event> {
  readonly life: Life;
  readonly handler: InvokedHandler<Event>;
}

const LONGEST_TIMEOUT_MS = 900_000;

export class FunctionModel<Event> {
  readonly timeoutMs: number;
  coldStarts = 0;
  peakConcurrency = 0;
  readonly outcomes: Record<Invocation['kind'], number> = {
    returned: 0,
    failed: 0,
    timed_out: 0,
    killed: 0,
    throttled: 0,
  };
  private readonly settings: FunctionSettings<Event>;
  private readonly clock: Clock;
  private readonly warm: Environment<Event>[] = [];
  private running = 0;
  private invocations = 0;

  constructor(settings: FunctionSettings<Event>, clock: Clock) {
    if (settings.timeoutMs > LONGEST_TIMEOUT_MS) {
      throw new RangeError(`A function runs at most ${LONGEST_TIMEOUT_MS} ms`);
    }
    this.settings = settings;
    this.timeoutMs = settings.timeoutMs;
    this.clock = clock;
  }

  async invoke(event: Event): Promise<Invocation> {
    const invocation = await this.run(event);
    this.outcomes[invocation.kind] += 1;
    return invocation;
  }

  private async run(event: Event): Promise<Invocation> {
    const { clock, settings, timeoutMs } = this;
    if (settings.isThrottled?.(clock.nowMs()) === true) return { kind: 'throttled' };
    this.running += 1;
    this.peakConcurrency = Math.max(this.peakConcurrency, this.running);
    try {
      const environment = this.warm.pop() ?? (await this.startEnvironment());
      this.invocations += 1;
      settings.onInvoke?.(environment.life, this.invocations);
      const invocation = await this.race(environment, event, clock.nowMs() + timeoutMs);
      if (!environment.life.isOver) this.warm.push(environment);
      return invocation;
    } finally {
      this.running -= 1;
    }
  }

  private async startEnvironment(): Promise<Environment<Event>> {
    this.coldStarts += 1;
    const life = new Life();
    return { life, handler: await this.settings.start(life) };
  }

  /** What ends first: the handler, its environment, or the time it has. */
  private async race(
    { life, handler }: Environment<Event>,
    event: Event,
    endsAtMs: number,
  ): Promise<Invocation> {
    const { clock } = this;
    const done = new AbortController();
    const context: InvocationContext = {
      awsRequestId: `invocation-${this.invocations}`,
      getRemainingTimeInMillis: () => endsAtMs - clock.nowMs(),
    };
    const answered = (async (): Promise<Invocation> => {
      try {
        return { kind: 'returned', value: await handler(event, context) };
      } catch (error) {
        return { kind: 'failed', error };
      }
    })();
    const killed = new Promise<Invocation>((resolve) => {
      life.onEnd(() => resolve({ kind: 'killed' }));
    });
    const late = clock
      .sleep(this.timeoutMs, done.signal)
      .then((): Invocation => ({ kind: 'timed_out' }));
    const first = await Promise.race([answered, killed, late]);
    done.abort();
    if (first.kind === 'timed_out') life.end();
    return first;
  }
}
