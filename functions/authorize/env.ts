import * as z from 'zod';
import { ENV } from '../../shared/contracts/env-keys.ts';
import { setText } from '../../shared/runtime/parse-env.ts';

export const authorizeEnv = z.object({
  [ENV.table]: setText,
  [ENV.pepperSecret]: setText,
  [ENV.adminKeySecret]: setText,
});
