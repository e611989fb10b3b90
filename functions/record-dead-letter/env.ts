import * as z from 'zod';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { setNumber, setText } from '../../shared/runtime/parse-env.ts';

export const recordDeadLetterEnv = z.object({
  [ENV.table]: setText,
  [ENV.retentionDays]: setNumber,
});
