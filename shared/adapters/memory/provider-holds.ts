import type { ProviderHold, ProviderHolds } from '../../ports/provider-holds.ts';

/** Which providers are held, for a home of one process. A new start asks each provider anew. */
export class MemoryProviderHolds implements ProviderHolds {
  readonly #holds = new Map<string, ProviderHold>();

  async hold(hold: ProviderHold): Promise<void> {
    this.#holds.set(hold.provider, hold);
  }

  async release(provider: string): Promise<void> {
    this.#holds.delete(provider);
  }

  async list(): Promise<ProviderHold[]> {
    return [...this.#holds.values()];
  }
}
