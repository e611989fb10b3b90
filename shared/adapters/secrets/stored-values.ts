import type { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import type { SSMProvider } from '@aws-lambda-powertools/parameters/ssm';
import { AppError } from '../../domain/errors.ts';
import { type CallAws, isAwsError } from '../aws/call-aws.ts';

/** How long a value is used before it is read again. Unit: seconds. */
const MAX_AGE_SECONDS = 60;

/** Reads a value by its name; at most a minute old, and read once for all who ask at a time. */
export type ReadValue = (name: string) => Promise<string>;

/** A kind of store, and what to tell a person of it. */
interface Store {
  readonly service: string;
  /** What one value is called. */
  readonly noun: string;
  /** Name of the service's error for a value that is not there. */
  readonly missing: string;
  readonly createCommand: (name: string) => string;
  readonly get: (name: string) => Promise<string | Uint8Array | undefined>;
}

export interface ReaderOptions<Provider> {
  readonly provider: Provider;
  readonly callAws: CallAws;
}

/**
 * Reads secrets of Secrets Manager: what `secretsmanager:NAME` refers to.
 *
 * @throws {AppError} `invalid_configuration` naming a secret that is not there, or not for us.
 */
export function createSecretReader(
  options: ReaderOptions<Pick<SecretsProvider, 'get'>>,
): ReadValue {
  return createReader(options.callAws, {
    service: 'Secrets Manager',
    noun: 'secret',
    missing: 'ResourceNotFoundException',
    createCommand: (name) =>
      `aws secretsmanager create-secret --name ${name} --secret-string VALUE`,
    get: (name) => options.provider.get(name, { maxAge: MAX_AGE_SECONDS }),
  });
}

/**
 * Reads parameters of Systems Manager, encrypted ones as well.
 *
 * @throws {AppError} `invalid_configuration` naming a parameter that is not there, or not for us.
 */
export function createParameterReader(options: ReaderOptions<Pick<SSMProvider, 'get'>>): ReadValue {
  return createReader(options.callAws, {
    service: 'Systems Manager',
    noun: 'parameter',
    missing: 'ParameterNotFound',
    createCommand: (name) =>
      `aws ssm put-parameter --name ${name} --type String --value file://FILE`,
    get: (name) => options.provider.get(name, { maxAge: MAX_AGE_SECONDS, decrypt: true }),
  });
}

function createReader(callAws: CallAws, store: Store): ReadValue {
  const reading = new Map<string, Promise<string>>();
  const read = async (name: string): Promise<string> => {
    try {
      const value = await callAws(store.service, () => store.get(name).catch(throwCause));
      if (value === undefined) throw unusable(store, name, 'has no value', undefined);
      return typeof value === 'string' ? value : new TextDecoder().decode(value);
    } catch (error) {
      if (isAwsError(error, store.missing)) throw unusable(store, name, 'does not exist', error);
      if (isAwsError(error, 'AccessDeniedException')) {
        throw unusable(store, name, 'may not be read by this function', error);
      }
      throw error;
    } finally {
      reading.delete(name);
    }
  };
  return (name) => {
    const begun = reading.get(name) ?? read(name);
    reading.set(name, begun);
    return begun;
  };
}

/** Powertools wraps what the client threw; retries and messages go by the client's own error. */
function throwCause(error: unknown): never {
  throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

function unusable({ noun, createCommand }: Store, name: string, why: string, cause: unknown) {
  return new AppError(
    'invalid_configuration',
    `The ${noun} ${name} ${why}. Create it with: ${createCommand(name)}; where it exists, deploy again with it in penstock.yaml, so that functions may read it.`,
    { cause, details: { [noun]: name } },
  );
}
