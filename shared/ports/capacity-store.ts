import type { CapacityState } from '../domain/capacity/capacity-state.ts';

/**
 * What is known of a model's limits, shared by all workers. One item per model.
 */
export interface CapacityStore {
  /**
   * Applies a pure step to the item in one conditional write and returns its value. The step
   * may run more than once when another worker wrote in between; only one run takes effect.
   * A write whose answer was lost is recognised as our own.
   */
  transact<Value>(
    model: string,
    step: (state: CapacityState | null) => { state: CapacityState; value: Value },
  ): Promise<Value>;
  /** All items, for display. */
  snapshot(): Promise<Map<string, CapacityState>>;
}
