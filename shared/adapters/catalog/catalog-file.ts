/** Input, output, cached input, five-minute cache write, one-hour cache write. */
export type RateRow = readonly number[];

interface LaneRows {
  readonly live?: RateRow;
  readonly flex?: RateRow;
  readonly native?: RateRow;
}

/** One model in models.json. Rates in micro-dollars per million tokens, sizes in tokens. */
export interface CatalogEntry extends LaneRows {
  readonly window?: number;
  readonly maxInput?: number;
  readonly maxOutput?: number;
  readonly long?: LaneRows & { readonly above: number };
}

/** The layout of models.json, as scripts/update-catalog.ts writes it. */
export interface CatalogFile {
  readonly asOf: string;
  readonly models: Readonly<Record<string, CatalogEntry>>;
}
