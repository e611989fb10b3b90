/** Counts and breaks the calls of a real AWS client, in its own middleware. */

import type { S3Client } from '@aws-sdk/client-s3';

/** Any client of the SDK. */
interface AwsClient {
  readonly middlewareStack: unknown;
}

const WIRE = { step: 'deserialize', priority: 'low' } as const;

type Call = (commandName: string, send: () => Promise<unknown>) => Promise<unknown>;

/** Puts `around` about every attempt: where it goes to the wire, or before it becomes bytes. */
function wrap(client: AwsClient, around: Call, place: object = WIRE): void {
  (client.middlewareStack as S3Client['middlewareStack']).add(
    (next, context) => (args) =>
      around(context.commandName ?? '', () => next(args)) as ReturnType<typeof next>,
    place as typeof WIRE,
  );
}

export interface CallCount {
  readonly total: number;
  /** Calls of one command, e.g. `PutItemCommand`. */
  of(command: string): number;
}

/** Counts what these clients send from now on. */
export function countCalls(clients: readonly AwsClient[]): CallCount {
  const counts = new Map<string, number>();
  for (const client of clients) {
    wrap(client, (name, send) => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return send();
    });
  }
  return {
    get total() {
      return [...counts.values()].reduce((sum, count) => sum + count, 0);
    },
    of: (command) => counts.get(command) ?? 0,
  };
}

/** Lets the first `times` calls of one command take effect and drops their answers. */
export function loseAnswers(
  client: AwsClient,
  command: string,
  times: number,
  afterwards: () => Promise<unknown> = async () => undefined,
): { readonly lost: number } {
  const losses = { lost: 0 };
  wrap(client, async (name, send) => {
    const answer = await send();
    if (name !== command || losses.lost === times) return answer;
    losses.lost += 1;
    await afterwards();
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  });
  return losses;
}

/** Fails the first `times` calls of one command, before they reach the service. */
export function failCalls(
  client: AwsClient,
  command: string,
  times: number,
  error: { readonly name: string; readonly status: number },
): { failed: number } {
  const failures = { failed: 0 };
  wrap(client, async (name, send) => {
    if (name !== command || failures.failed === times) return send();
    failures.failed += 1;
    throw Object.assign(new Error(`${error.name}, made up by the test`), {
      name: error.name,
      $metadata: { httpStatusCode: error.status },
    });
  });
  return failures;
}

/** Answers the next call of one command with this output; the service never hears of it. */
export function answerOnce(client: AwsClient, command: string, output: object): void {
  let isSpent = false;
  wrap(
    client,
    async (name, send) => {
      if (name !== command || isSpent) return send();
      isSpent = true;
      return { output: { $metadata: {}, ...output }, response: {} };
    },
    { step: 'serialize', priority: 'high' },
  );
}
