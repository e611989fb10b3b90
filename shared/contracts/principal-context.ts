/** Who calls, as the authorizer tells the API function: API Gateway carries flat text only. */

import * as z from 'zod';
import { type Principal, SCOPES } from '../domain/api-key.ts';

/** A context value of API Gateway; numbers come back as text. */
const whole = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

const principalContextSchema = z.object({
  tenant: z.string().min(1),
  scopes: z
    .string()
    .transform((text) => text.split(' ').filter((scope) => scope !== ''))
    .pipe(z.array(z.enum(SCOPES))),
  budget: z.union([z.literal('').transform(() => null), whole]),
});

export type PrincipalContext = z.input<typeof principalContextSchema>;

export function encodePrincipal(principal: Principal): PrincipalContext {
  const { tenant, scopes, monthlyBudgetMicroUsd: budget } = principal;
  return {
    tenant,
    scopes: scopes.join(' '),
    budget: budget === null ? '' : String(budget),
  };
}

/** The caller in a context, or `null` when the context names none. Other fields are ignored. */
export function decodePrincipal(context: unknown): Principal | null {
  const parsed = principalContextSchema.safeParse(context);
  if (!parsed.success) return null;
  const { tenant, scopes, budget } = parsed.data;
  return { tenant, scopes, monthlyBudgetMicroUsd: budget };
}
