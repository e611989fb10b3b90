import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import {
  createDynamoLedger,
  type DynamoLedger,
} from '../../shared/adapters/dynamodb/ledger/ledger.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { emulatorClient, SteadyClock, type TestTable } from './dynamo-client.ts';
import { type Intercept, interceptCalls } from './intercept-calls.ts';
import type { MemorySegments } from './memory-segments.ts';

export interface LedgerProcess extends DynamoLedger {
  readonly client: DynamoDBDocumentClient;
  readonly clock: SteadyClock;
}

export interface ProcessOptions {
  readonly table: TestTable;
  /** What all processes share beside the table. */
  readonly segments: MemorySegments;
  readonly nowMs: number;
  readonly intercept?: Intercept;
  readonly onLapsed?: (owner: string) => Promise<void>;
  /** Tries by the client itself, below those of the ledger. @default 1 */
  readonly maxAttempts?: number;
}

/** A ledger with a client and a memory of its own, as a process of its own has them. */
export function ledgerProcess(options: ProcessOptions): LedgerProcess {
  const { table, segments, nowMs, intercept, onLapsed, maxAttempts } = options;
  const client = emulatorClient(maxAttempts);
  if (intercept) interceptCalls(client, intercept);
  const clock = new SteadyClock(nowMs);
  const ledger = createDynamoLedger({
    client,
    table: table.name,
    clock,
    random: systemRandom,
    payloads: segments.payloads,
    retentionDays: 30,
    ...(onLapsed && { onLapsed }),
  });
  return { ...ledger, client, clock };
}
