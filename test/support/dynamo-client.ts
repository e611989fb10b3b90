import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { AWS_CLIENT_OPTIONS } from '../../shared/adapters/aws/client-options.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { createTable } from './aws-resources.ts';

export interface TestTable {
  readonly name: string;
  readonly client: DynamoDBDocumentClient;
}

/** A client of the emulator, which the environment names, as functions have it. */
export function emulatorClient(maxAttempts = 1): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({ ...AWS_CLIENT_OPTIONS, maxAttempts }));
}

/** A table of a test's own. */
export async function makeTable(): Promise<TestTable> {
  return { name: await createTable(), client: emulatorClient() };
}

/** Unit: ms. */
const LONGEST_PAUSE_MS = 10;

/** Stands still until set; pauses between tries are real, and cut short. */
export class SteadyClock implements Clock {
  atMs: number;

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  nowMs(): number {
    return this.atMs;
  }

  sleep(ms: number): Promise<void> {
    return systemClock.sleep(Math.min(ms, LONGEST_PAUSE_MS));
  }
}
