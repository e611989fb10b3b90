import { z } from 'zod';
import type { FaultRule } from '../faults.ts';
import {
  count,
  durationMs,
  faultsSchema,
  type Latency,
  latencySchema,
  positive,
  share,
} from '../option-parts.ts';
import { resolveWebhooks, type WebhookSettings, webhooksSchema } from './webhook-options.ts';

/** How a batch may be told to end. */
const OUTCOMES = [
  'completed',
  'mixed',
  'errors_only',
  'expired',
  'expired_errors_only',
  'cancelled',
  'cancelled_empty',
  'failed',
  'stuck',
] as const;

/** What may become of a row that was worked on. */
export const ROW_KINDS = ['ok', 'http400', 'http429', 'http500', 'lost', 'absent'] as const;

export type RowKind = (typeof ROW_KINDS)[number];

const errorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable().optional(),
  line: z.number().int().nullable().optional(),
});

const scriptedSchema = z.strictObject({
  outcome: z.enum(OUTCOMES).optional(),
  turnaroundMs: durationMs.optional(),
  doneShare: share.optional(),
  rowKinds: z.array(z.enum(ROW_KINDS)).optional(),
  errors: z.array(errorSchema).optional(),
});

/** What a script says of one batch. */
export type Scripted = z.output<typeof scriptedSchema>;

const QUIRKS = [
  'capital_status',
  'null_counts',
  'empty_error_file',
  'blank_error_file_id',
  'value_list',
] as const;

export type Quirk = (typeof QUIRKS)[number];

const AZURE_QUIRKS: readonly Quirk[] = ['capital_status', 'null_counts', 'empty_error_file'];

export const batchesSchema = z.strictObject({
  turnaround: latencySchema.optional(),
  tailShare: share.optional(),
  tailFactor: positive.optional(),
  expiringShare: share.optional(),
  stuckShare: share.optional(),
  validationMs: durationMs.optional(),
  finalizingMs: durationMs.optional(),
  cancellingMs: durationMs.optional(),
  script: z
    .array(
      z.union([z.enum(OUTCOMES), scriptedSchema, z.null()], {
        error: `must be null, one of ${OUTCOMES.join(', ')}, or {outcome, turnaroundMs, doneShare, rowKinds, errors}`,
      }),
    )
    .optional(),
  rowFailures: z
    .strictObject({
      http400: share.optional(),
      http429: share.optional(),
      http500: share.optional(),
      lost: share.optional(),
      absent: share.optional(),
    })
    .refine(
      (shares) => Object.values(shares).reduce((sum: number, one) => sum + (one ?? 0), 0) <= 1,
      {
        error: 'the shares must not exceed 1 together',
      },
    )
    .optional(),
  rows: z
    .strictObject({
      order: z.enum(['completion', 'input']).optional(),
      duplicateShare: share.optional(),
      foreign: z.number().int().min(0).optional(),
      malformed: z.number().int().min(0).optional(),
      truncated: z.boolean().optional(),
      bom: z.boolean().optional(),
    })
    .optional(),
  windows: z
    .array(z.string().regex(/^[1-9]\d*[hd]$/, 'must be hours or days, e.g. 24h or 7d'))
    .optional(),
  cancelledRows: z.enum(['absent', 'error_file']).optional(),
  quirks: z.union([z.literal('azure'), z.array(z.enum(QUIRKS))]).optional(),
  enqueuedTokens: count.nullable().optional(),
  queuedRequests: count.nullable().optional(),
  maxRequests: count.optional(),
  maxInputBytes: count.optional(),
  lag: z
    .strictObject({
      readMs: durationMs.optional(),
      listMs: durationMs.optional(),
      flickerShare: share.optional(),
    })
    .optional(),
  faults: faultsSchema.optional(),
  priceFactor: z.number().min(0).optional(),
  webhooks: webhooksSchema.nullable().optional(),
});

/** Options of files and batches with every default applied; see simulator/README.md. */
export interface BatchSettings {
  readonly turnaround: Latency;
  readonly tailShare: number;
  readonly tailFactor: number;
  readonly expiringShare: number;
  readonly stuckShare: number;
  readonly validationMs: number;
  readonly finalizingMs: number;
  readonly cancellingMs: number;
  /** One entry for each batch in the order of creation; undefined: drawn. */
  readonly script: readonly (Scripted | undefined)[];
  readonly rowFailures: { readonly [K in Exclude<RowKind, 'ok'>]: number };
  readonly rows: {
    readonly order: 'completion' | 'input';
    readonly duplicateShare: number;
    readonly foreign: number;
    readonly malformed: number;
    readonly truncated: boolean;
    readonly bom: boolean;
  };
  /** Completion windows on offer. */
  readonly windows: readonly string[];
  readonly cancelledRows: 'absent' | 'error_file';
  readonly quirks: ReadonlySet<Quirk>;
  /** Of all models together, for Anthropic. */
  readonly queuedRequests: number | undefined;
  /** Undefined: what the provider allows. */
  readonly maxRequests: number | undefined;
  readonly maxInputBytes: number | undefined;
  readonly lag: {
    readonly readMs: number;
    readonly listMs: number;
    readonly flickerShare: number;
  };
  readonly faults: readonly FaultRule[];
  readonly priceFactor: number;
  readonly webhooks: WebhookSettings | undefined;
}

export function resolveBatches(options: z.output<typeof batchesSchema>): BatchSettings {
  const { rowFailures, rows, lag, quirks } = options;
  return {
    turnaround: options.turnaround ?? { p50Ms: 420_000, p95Ms: 6_600_000 },
    tailShare: options.tailShare ?? 0,
    tailFactor: options.tailFactor ?? 10,
    expiringShare: options.expiringShare ?? 0,
    stuckShare: options.stuckShare ?? 0,
    validationMs: options.validationMs ?? 1_000,
    finalizingMs: options.finalizingMs ?? 2_000,
    cancellingMs: options.cancellingMs ?? 10_000,
    script: (options.script ?? []).map((entry) =>
      typeof entry === 'string' ? { outcome: entry } : (entry ?? undefined),
    ),
    rowFailures: {
      http400: rowFailures?.http400 ?? 0,
      http429: rowFailures?.http429 ?? 0,
      http500: rowFailures?.http500 ?? 0,
      lost: rowFailures?.lost ?? 0,
      absent: rowFailures?.absent ?? 0,
    },
    rows: {
      order: rows?.order ?? 'completion',
      duplicateShare: rows?.duplicateShare ?? 0,
      foreign: rows?.foreign ?? 0,
      malformed: rows?.malformed ?? 0,
      truncated: rows?.truncated ?? false,
      bom: rows?.bom ?? false,
    },
    windows: options.windows ?? ['24h'],
    cancelledRows: options.cancelledRows ?? 'absent',
    quirks: new Set(quirks === 'azure' ? AZURE_QUIRKS : quirks),
    queuedRequests: options.queuedRequests ?? undefined,
    maxRequests: options.maxRequests,
    maxInputBytes: options.maxInputBytes,
    lag: {
      readMs: lag?.readMs ?? 0,
      listMs: lag?.listMs ?? 0,
      flickerShare: lag?.flickerShare ?? 0,
    },
    faults: options.faults ?? [],
    priceFactor: options.priceFactor ?? 0.5,
    webhooks: options.webhooks ? resolveWebhooks(options.webhooks) : undefined,
  };
}
