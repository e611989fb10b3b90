import * as z from 'zod';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { setNumber, setText } from '../../shared/runtime/parse-env.ts';

export const validateBatchEnv = z.object({
  [ENV.table]: setText,
  [ENV.bucket]: setText,
  [ENV.configParameter]: setText,
  [ENV.retentionDays]: setNumber,
  [ENV.interactiveQueueUrl]: setText,
  [ENV.bulkQueueUrl]: setText,
});
