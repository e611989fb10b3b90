import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { createTable } from './aws-resources.ts';

export interface TestTable {
  readonly name: string;
  readonly client: DynamoDBDocumentClient;
}

/** A client of the emulator, which the environment names. */
export function emulatorClient(maxAttempts = 3): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({ maxAttempts }));
}

/** A table of a test's own. */
export async function makeTable(): Promise<TestTable> {
  return { name: await createTable(), client: emulatorClient() };
}

/** Stands still until set; pauses between tries are real and short. */
export class SteadyClock implements Clock {
  atMs: number;

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  nowMs(): number {
    return this.atMs;
  }

  sleep(ms: number): Promise<void> {
    return systemClock.sleep(ms);
  }
}
