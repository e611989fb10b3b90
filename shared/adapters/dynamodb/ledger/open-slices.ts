import { text } from '../table/attributes.ts';
import { modelsPartition, openPartition, sliceOfPartition } from '../table/keys.ts';
import type { Table } from '../table/table.ts';
import { OPEN_INDEX } from '../table/table-definition.ts';
import type { SliceHeader } from './slice-header.ts';
import type { SliceReader } from './slice-reader.ts';

const SLICES_PER_PAGE = 100;

/** Slices that wait for workers, found through the index and read consistently. */
export class OpenSlices {
  readonly #table: Table;
  readonly #reader: SliceReader;
  readonly #modelsSeen = new Set<string>();

  constructor(table: Table, reader: SliceReader) {
    this.#table = table;
    this.#reader = reader;
  }

  /** Makes sure that what is accepted next will be found. Writes once a process, tenant and model. */
  async announce(
    drafts: Iterable<{ readonly tenant: string; readonly model: string }>,
  ): Promise<void> {
    for (const { tenant, model } of drafts) {
      for (const pk of [modelsPartition(), modelsPartition(tenant)]) {
        const name = `${pk}\n${model}`;
        if (this.#modelsSeen.has(name)) continue;
        await this.#table.put({ pk, sk: model });
        this.#modelsSeen.add(name);
      }
    }
  }

  /** Models that have ever had a request, of one tenant or of all. */
  async models(tenant?: string): Promise<string[]> {
    const models: string[] = [];
    for await (const items of this.#table.query({ partition: modelsPartition(tenant) })) {
      for (const item of items) models.push(text(item, 'sk'));
    }
    return models;
  }

  /** Pages of a model's open slices in the order they are served, of one tenant or of all. */
  async *ofModel(model: string, tenant?: string): AsyncGenerator<SliceHeader[]> {
    const pages = this.#table.query({
      index: OPEN_INDEX.name,
      partition: openPartition(model),
      pageSize: SLICES_PER_PAGE,
    });
    for await (const entries of pages) {
      const partitions = entries
        .map((entry) => text(entry, 'pk'))
        .filter((pk) => tenant === undefined || sliceOfPartition(pk).tenant === tenant);
      const headers = await this.#reader.headers(partitions);
      yield headers.filter(({ state }) => state === 'open');
    }
  }

  /** Pages of all open slices, of one tenant or of all, model by model. */
  async *all(tenant?: string): AsyncGenerator<SliceHeader[]> {
    for (const model of await this.models(tenant)) yield* this.ofModel(model, tenant);
  }
}
