import type { ProviderHold, ProviderHolds } from '../../shared/ports/provider-holds.ts';

/** Holds in a map. */
export class MemoryHolds implements ProviderHolds {
  readonly held = new Map<string, ProviderHold>();

  async hold(hold: ProviderHold): Promise<void> {
    this.held.set(hold.provider, hold);
  }

  async release(provider: string): Promise<void> {
    this.held.delete(provider);
  }

  async list(): Promise<ProviderHold[]> {
    return [...this.held.values()];
  }
}
