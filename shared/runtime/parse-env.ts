import * as z from 'zod';
import { AppError } from '../domain/errors.ts';

/** An environment as the process has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that must be set. */
export const setText = z.string({ error: 'is not set' }).min(1, 'is empty');

/** A variable that holds a whole number above 0. */
export const setNumber = setText
  .regex(/^[1-9]\d{0,8}$/, 'must be a whole number above 0')
  .transform(Number);

/**
 * The variables a function needs.
 *
 * @throws {AppError} `invalid_configuration` naming every variable that is missing or wrong.
 */
export function parseEnv<Schema extends z.ZodType>(
  schema: Schema,
  environment: Environment,
): z.output<Schema> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new AppError(
    'invalid_configuration',
    `The environment has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}: ${faults.join('; ')}. The stacks set these variables; deploy them again.`,
    { details: { faults: faults.length } },
  );
}
