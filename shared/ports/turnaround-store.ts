import type { TurnaroundRecord } from '../domain/lanes/turnaround.ts';

/** What is learnt of how long a provider's native batches of a model take. One item for each. */
export interface TurnaroundStore {
  read(provider: string, model: string): Promise<TurnaroundRecord | null>;
  /**
   * Applies a pure step to the item in one conditional write. The step may run more than once when
   * another worker wrote in between; only one run takes effect. A write whose answer was lost is
   * recognised as our own.
   */
  update(
    provider: string,
    model: string,
    step: (record: TurnaroundRecord | null) => TurnaroundRecord,
  ): Promise<void>;
}
