import { SqliteBatchStore } from './batch-store.ts';
import { SqliteBudgetStore } from './budget-store.ts';
import { SqliteCallStore } from './call-store.ts';
import { SqliteCapacityStore } from './capacity-store.ts';
import { SqliteCommitMarks } from './commit-marks.ts';
import type { Database } from './database.ts';
import { SqliteDeliveryStore } from './delivery-store.ts';
import { SqliteFileStore } from './file-store.ts';
import { SqliteIdClaims } from './id-claims.ts';
import { SqliteKeyStore } from './key-store.ts';
import { SqliteNativeJobStore } from './native-job-store.ts';
import { SqliteProviderMessages } from './provider-messages.ts';
import { SqliteRequestStore } from './request-store.ts';
import { SqliteTurnaroundStore } from './turnaround-store.ts';
import { SqliteWebhookStore } from './webhook-store.ts';
import { SqliteWorkStore } from './work-store.ts';

export interface SqliteStores {
  readonly requests: SqliteRequestStore;
  readonly work: SqliteWorkStore;
  readonly capacity: SqliteCapacityStore;
  readonly budgets: SqliteBudgetStore;
  readonly calls: SqliteCallStore;
  readonly keys: SqliteKeyStore;
  readonly nativeJobs: SqliteNativeJobStore;
  /** How long native batches take. */
  readonly turnarounds: SqliteTurnaroundStore;
  readonly files: SqliteFileStore;
  readonly batches: SqliteBatchStore;
  readonly claims: SqliteIdClaims;
  readonly webhooks: SqliteWebhookStore;
  readonly deliveries: SqliteDeliveryStore;
  readonly providerMessages: SqliteProviderMessages;
  /** Where adoption of the result log may begin. */
  readonly marks: SqliteCommitMarks;
}

/** All stores of one state database. Make them once per database: they share what was committed. */
export function createSqliteStores(database: Database): SqliteStores {
  const marks = new SqliteCommitMarks(database);
  return {
    requests: new SqliteRequestStore(database),
    work: new SqliteWorkStore(database, marks),
    capacity: new SqliteCapacityStore(database),
    budgets: new SqliteBudgetStore(database),
    calls: new SqliteCallStore(database),
    keys: new SqliteKeyStore(database),
    nativeJobs: new SqliteNativeJobStore(database),
    turnarounds: new SqliteTurnaroundStore(database),
    files: new SqliteFileStore(database),
    batches: new SqliteBatchStore(database),
    claims: new SqliteIdClaims(database),
    webhooks: new SqliteWebhookStore(database),
    deliveries: new SqliteDeliveryStore(database),
    providerMessages: new SqliteProviderMessages(database),
    marks,
  };
}
