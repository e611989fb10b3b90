import type { ProviderStop } from '../domain/capacity/provider-stop.ts';

/** A provider nobody calls until a person has acted, or the instant has come to try again. */
export interface ProviderHold extends ProviderStop {
  readonly heldAtMs: number;
  /** One request may try the provider again from here on. Unit: ms since the epoch. */
  readonly reviewAtMs: number;
}

/** Which providers are held, as all workers know it. */
export interface ProviderHolds {
  hold(hold: ProviderHold): Promise<void>;
  /** The provider answered again. */
  release(provider: string): Promise<void>;
  list(): Promise<ProviderHold[]>;
}
