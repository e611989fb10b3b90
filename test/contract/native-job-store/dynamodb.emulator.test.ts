import { DynamoNativeJobStore } from '../../../shared/adapters/dynamodb/native-job-store.ts';
import { makeTable, RETENTION_DAYS } from '../../support/aws-stores.ts';
import { defineNativeJobStoreContract } from './suite.ts';

defineNativeJobStoreContract('DynamoDB', async () => ({
  nativeJobs: new DynamoNativeJobStore(await makeTable(), RETENTION_DAYS),
  close: async () => undefined,
}));
