import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/** One try of one call, as it is about to go out. */
export interface OutgoingCall {
  /** E.g. `PutItem`. */
  readonly operation: string;
  readonly input: unknown;
}

/** Decides what becomes of a call; `send` performs it. */
export type Intercept = <Value>(call: OutgoingCall, send: () => Promise<Value>) => Promise<Value>;

/** Lets a test stand between a client and DynamoDB, below the retries of the client. */
export function interceptCalls(client: DynamoDBDocumentClient, intercept: Intercept): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const operation = String(context.commandName ?? '').replace(/Command$/, '');
      return intercept({ operation, input: args.input }, () => next(args));
    },
    { step: 'deserialize', priority: 'high', name: `intercept-${Math.random()}` },
  );
}

/** Loses the answers that `isLost` picks, after the effect: the client sends the same again. */
export function loseAnswers(isLost: (call: OutgoingCall) => boolean): Intercept {
  return async (call, send) => {
    const value = await send();
    if (!isLost(call)) return value;
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
}

/** Refuses what `isRefused` picks as DynamoDB does when too much is asked of it. */
export function throttle(isRefused: (call: OutgoingCall) => boolean, name: string): Intercept {
  return async (call, send) => {
    if (!isRefused(call)) return send();
    throw Object.assign(new Error('Rate exceeded'), { name, $fault: 'client' });
  };
}

/** A process that can be stopped at one of its calls. */
export interface Mortal {
  readonly intercept: Intercept;
  /** Resolves when the process has been stopped. */
  readonly stopped: Promise<void>;
  /** Calls begun. */
  readonly calls: number;
  /** Lets a stopped process go on, hours late, as a frozen one does. */
  resume(): void;
}

/**
 * Stops a process before or after the effect of its nth call, counted from 0 among those that
 * `counts` picks. From then on no call of it goes out and no answer reaches it, until resumed.
 */
export function mortal(
  nth: number,
  when: 'before' | 'after',
  counts: (call: OutgoingCall) => boolean = () => true,
): Mortal {
  const stop = Promise.withResolvers<void>();
  const resumed = Promise.withResolvers<void>();
  let calls = 0;
  let isStopped = false;
  return {
    async intercept(call, send) {
      const isFatal = counts(call) && calls++ === nth;
      if (isFatal) {
        isStopped = true;
        if (when === 'after') await send().catch(() => undefined);
        stop.resolve();
        await resumed.promise;
        return send();
      }
      if (isStopped) await resumed.promise;
      const value = await send();
      if (isStopped) await resumed.promise;
      return value;
    },
    stopped: stop.promise,
    get calls() {
      return calls;
    },
    resume: resumed.resolve,
  };
}
