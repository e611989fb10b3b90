import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ROW_KINDS } from '../../../../simulator/batches/options.ts';
import { createFrozenClock, createSimulator } from '../../../../simulator/server.ts';

const DAY_MS = 86_400_000;
const MODEL = 'gpt-4o-mini';

interface Batch {
  readonly status: string;
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly request_counts: { readonly total: number; completed: number; failed: number };
}

/** Runs one batch in process and reads everything it leaves behind. */
async function run(ids: readonly string[], script: object, cancelAtMs: number | undefined) {
  const turnaround = { minMs: 60_000, maxMs: 60_000 };
  const simulator = createSimulator(
    { batches: { turnaround, script: [script], cancelledRows: 'error_file' } },
    createFrozenClock(0),
  );
  const ask = async (path: string, init?: RequestInit) =>
    (await simulator.fetch(`http://simulator/v1/${path}`, init)).text();
  const form = new FormData();
  const body = (id: string) => ({
    model: MODEL,
    messages: [{ role: 'user', content: `[id:${id}]` }],
  });
  const line = (id: string) => ({
    custom_id: id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: body(id),
  });
  form.set('file', new File([ids.map((id) => JSON.stringify(line(id))).join('\n')], 'in.jsonl'));
  form.set('purpose', 'batch');
  const file = JSON.parse(await ask('files', { method: 'POST', body: form }));
  const order = {
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  };
  const { id } = JSON.parse(await ask('batches', { method: 'POST', body: JSON.stringify(order) }));
  if (cancelAtMs !== undefined) {
    await simulator.advance(cancelAtMs);
    await ask(`batches/${id}/cancel`, { method: 'POST' });
  }
  await simulator.advance(2 * DAY_MS);
  const batch: Batch = JSON.parse(await ask(`batches/${id}`));
  const rows = async (fileId: string | null) =>
    fileId === null
      ? []
      : (await ask(`files/${fileId}/content`))
          .split('\n')
          .filter((text) => text !== '')
          .map((text) => JSON.parse(text));
  const output = await rows(batch.output_file_id);
  return { batch, output, errors: await rows(batch.error_file_id), stats: simulator.stats() };
}

test('whatever befalls a batch, each row is in one place, and exactly the answers are billed', async () => {
  const kinds = fc.array(fc.constantFrom(...ROW_KINDS), { minLength: 1, maxLength: 30 });
  const endings = fc.constantFrom('run', 'expired', 'cancelled');
  const cancels = fc.option(fc.integer({ min: 0, max: 70_000 }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(kinds, endings, cancels, async (rowKinds, ending, cancelAtMs) => {
      const ids = rowKinds.map((_, index) => `r${index}`);
      const script = { rowKinds, ...(ending !== 'run' && { outcome: ending }) };
      const { batch, output, errors, stats } = await run(ids, script, cancelAtMs);
      const named = [...output, ...errors].map(({ custom_id }) => custom_id);
      expect(new Set(named).size).toBe(named.length);
      expect(['completed', 'expired', 'cancelled']).toContain(batch.status);
      const wasValidated = batch.request_counts.total > 0;
      const missing = ids.filter((id) => !named.includes(id));
      const absent = ids.filter((_, index) => rowKinds[index] === 'absent');
      if (wasValidated) expect(absent).toEqual(expect.arrayContaining(missing));
      else expect(named).toEqual([]);
      const answers = output.filter(({ response }) => response.status_code === 200);
      expect(stats.billed).toBe(answers.length);
      expect(stats.batches.rows.billed).toBe(answers.length);
      expect(stats.batches.enqueuedTokens).toEqual({});
      const { total, completed, failed } = batch.request_counts;
      expect(completed + failed).toBeLessThanOrEqual(total);
      expect(failed).toBe(errors.filter(({ error }) => error === null).length);
    }),
    { numRuns: 200 },
  );
});
