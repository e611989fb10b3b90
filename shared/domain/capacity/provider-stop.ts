import type { ErrorCode } from '../errors.ts';

/** Why requests of a provider are held until a person acts. */
export interface ProviderStop {
  readonly provider: string;
  readonly code: ErrorCode;
  /** The provider's own words. */
  readonly message: string;
}
