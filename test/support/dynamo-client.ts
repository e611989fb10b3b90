import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { createTable } from './create-table.ts';

export interface TestTable {
  readonly name: string;
  readonly endpoint: string;
  readonly client: DynamoDBDocumentClient;
  destroy(): void;
}

/** A client of the emulator that quickly gives up, so that tests of faults need no patience. */
export function emulatorClient(endpoint: string, maxAttempts = 3): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts,
  });
}

/** A table of a test's own. */
export async function makeTable(endpoint: string): Promise<TestTable> {
  const base = emulatorClient(endpoint);
  const name = systemRandom.id('penstock-');
  await createTable(base, name);
  return {
    name,
    endpoint,
    client: DynamoDBDocumentClient.from(base),
    destroy: () => base.destroy(),
  };
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
