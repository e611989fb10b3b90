import type { SliceRuns } from '../../../domain/requests/slice-runs.ts';
import { encodeRuns } from '../../../domain/requests/slice-runs-codec.ts';
import { headerKey } from '../table/keys.ts';
import type { OpIds } from '../table/op-ids.ts';
import type { Table } from '../table/table.ts';
import { decodeHeader, isHeader, type SliceHeader } from './slice-header.ts';

/** How often a step is computed anew because another worker wrote first. */
const TRIES = 20;

/** Writes what changes of a slice: one compare-and-set of its header. */
export class SliceWriter {
  readonly #table: Table;
  readonly #ops: OpIds;

  constructor(table: Table, ops: OpIds) {
    this.#table = table;
    this.#ops = ops;
  }

  /**
   * Replaces the runs of an open slice by what `step` makes of them, computed anew for as long as
   * others write first. A step that returns the runs it was given writes nothing. Returns the
   * header as it then stands, or `null` when the slice is not open any more.
   */
  async change(
    header: SliceHeader,
    step: (header: SliceHeader) => SliceRuns | Promise<SliceRuns>,
  ): Promise<SliceHeader | null> {
    let current = header;
    for (let attempt = 0; attempt < TRIES && current.state === 'open'; attempt += 1) {
      const runs = await step(current);
      if (runs === current.runs) return current;
      const op = this.#ops.next();
      const { tenant, slice } = current.facts;
      const refusal = await this.#table.update(
        headerKey(tenant, slice),
        {
          text: 'SET #runs = :runs, #v = :next, #op = :op',
          values: { runs: encodeRuns(runs), next: current.version + 1, op },
        },
        { text: '#v = :seen AND attribute_not_exists(#st)', values: { seen: current.version } },
      );
      const written = { ...current, runs, version: current.version + 1, op };
      if (refusal === null || refusal.item?.['op'] === op) return written;
      if (!isHeader(refusal.item)) return null;
      current = decodeHeader(refusal.item);
    }
    return null;
  }
}
