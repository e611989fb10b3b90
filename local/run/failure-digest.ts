import * as z from 'zod';
import type { RequestView } from '../../shared/domain/requests/request.ts';
import type { Engine } from '../engine.ts';
import { LOCAL_TENANT } from '../engine.ts';
import { lineNumbersAt } from '../input/line-numbers.ts';
import { readRejected } from '../input/rejected-lines.ts';
import type { InputRecord } from '../state/run-records.ts';
import { rejectedPath } from './prepare-input.ts';

/** All error rows of one kind. */
export interface FailureGroup {
  readonly code: string;
  readonly count: number;
  /** Where the first of them stands in the input. */
  readonly firstLine: number;
  readonly firstMessage: string;
}

const PAGE = 1_000;

const errorSchema = z.object({ error: z.object({ message: z.string() }).nullable() });

/** The error rows of a run by code, the most frequent first. */
export async function digestFailures(engine: Engine, input: InputRecord): Promise<FailureGroup[]> {
  const groups = new Map<string, { count: number; first: RequestView }>();
  for await (const view of endedBadly(engine, input.batchId)) {
    const code = view.outcome?.errorCode ?? view.status;
    const group = groups.get(code);
    if (group === undefined) groups.set(code, { count: 1, first: view });
    else {
      group.count += 1;
      if (view.body.offset < group.first.body.offset) group.first = view;
    }
  }
  const digest = await describeFirsts(engine, input, groups);
  if (input.rejected > 0) await addRejected(engine, digest);
  return [...digest.values()].sort((one, other) => other.count - one.count);
}

async function describeFirsts(
  engine: Engine,
  { path }: InputRecord,
  groups: ReadonlyMap<string, { count: number; first: RequestView }>,
): Promise<Map<string, FailureGroup>> {
  const entries = [...groups];
  const lines = await lineNumbersAt(
    path,
    entries.map(([, { first }]) => first.body.offset),
  );
  const digest = new Map<string, FailureGroup>();
  for (const [index, [code, { count, first }]] of entries.entries()) {
    const firstMessage = await messageOf(engine, first);
    digest.set(code, { code, count, firstLine: lines[index] ?? 0, firstMessage });
  }
  return digest;
}

async function messageOf(engine: Engine, { outcome }: RequestView): Promise<string> {
  if (outcome === null) return '';
  const [line] = await engine.payloads.read([outcome.result]);
  const parsed = errorSchema.safeParse(JSON.parse(Buffer.from(line ?? []).toString()));
  return parsed.data?.error?.message ?? '';
}

async function addRejected(engine: Engine, digest: Map<string, FailureGroup>): Promise<void> {
  for await (const { code, line, message } of readRejected(rejectedPath(engine.directory))) {
    const group = digest.get(code);
    const isFirst = group === undefined || line < group.firstLine;
    digest.set(code, {
      code,
      count: (group?.count ?? 0) + 1,
      firstLine: isFirst ? line : group.firstLine,
      firstMessage: isFirst ? message : group.firstMessage,
    });
  }
}

async function* endedBadly(engine: Engine, batchId: string): AsyncGenerator<RequestView> {
  for (const status of ['failed', 'expired', 'cancelled'] as const) {
    let after: string | undefined;
    for (;;) {
      const page = await engine.requests.list({
        tenant: LOCAL_TENANT,
        batchId,
        status,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.items;
      after = page.items.at(-1)?.id;
      if (!page.hasMore || after === undefined) break;
    }
  }
}
