import type { Clock } from '../../../ports/clock.ts';
import type { PayloadStore } from '../../../ports/payload-store.ts';
import type { OpIds } from '../table/op-ids.ts';
import type { Stamps } from '../table/stamps.ts';
import { type DraftSlice, sumUp } from './draft-slices.ts';
import type { Manifest, SliceFacts } from './slice-header.ts';
import { encodeSpecs } from './spec-codec.ts';

/** A slice ready to be accepted. */
export interface NewSlice {
  readonly draft: DraftSlice;
  readonly facts: SliceFacts;
}

export interface DraftWriterDeps {
  readonly payloads: PayloadStore;
  readonly ops: OpIds;
  readonly stamps: Stamps;
  readonly clock: Clock;
  /** Unit: days. */
  readonly retentionDays: number;
}

const SECONDS_PER_DAY = 86_400;

/**
 * A request alone is kept in its header. Others go to the payload store, since a header is written
 * three times and more. Unit: characters.
 */
const LONGEST_INLINE_MANIFEST = 800;

/** Writes down what slices hold, before anything of them is accepted. */
export class DraftWriter {
  readonly #deps: DraftWriterDeps;

  constructor(deps: DraftWriterDeps) {
    this.#deps = deps;
  }

  /** Index-aligned. The manifests of one tenant cost one append. */
  async write(drafts: readonly DraftSlice[]): Promise<NewSlice[]> {
    const { stamps, clock, ops, retentionDays } = this.#deps;
    const acceptedBy = ops.next();
    const ttl = Math.ceil(clock.nowMs() / 1_000) + retentionDays * SECONDS_PER_DAY;
    const manifests = await this.#manifests(drafts);
    return drafts.map((draft, index): NewSlice => {
      const { tenant, slice, model, priority, specs } = draft;
      const manifest = manifests[index] ?? { inline: '[]' };
      const facts = { tenant, slice, model, priority, manifest, absent: [], acceptedBy, ttl };
      return { draft, facts: { ...facts, stamp: stamps.next(), ...sumUp(specs.values()) } };
    });
  }

  async #manifests(drafts: readonly DraftSlice[]): Promise<Manifest[]> {
    const texts = drafts.map(({ slice, specs }) => encodeSpecs(slice, [...specs.values()]));
    const manifests = texts.map((inline): Manifest => ({ inline }));
    const outside = drafts
      .map(({ tenant }, index) => ({ tenant, index, text: texts[index] ?? '' }))
      .filter(({ text }) => text.length > LONGEST_INLINE_MANIFEST);
    for (const [tenant, entries] of Map.groupBy(outside, (entry) => entry.tenant)) {
      const lines = entries.map(({ text }) => Buffer.from(text));
      const pointers = await this.#deps.payloads.append(tenant, lines);
      entries.forEach(({ index }, at) => {
        const pointer = pointers[at];
        if (pointer !== undefined) manifests[index] = { pointer };
      });
    }
    return manifests;
  }
}
