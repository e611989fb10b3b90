import * as z from 'zod';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { setNumber, setText } from '../../shared/runtime/parse-env.ts';

export const sweepEnv = z.object({
  [ENV.table]: setText,
  [ENV.bucket]: setText,
  [ENV.interactiveQueueUrl]: setText,
  [ENV.bulkQueueUrl]: setText,
  [ENV.batchQueueUrl]: setText,
  [ENV.retentionDays]: setNumber,
});
