import { expect, test } from 'vitest';
import { chat, openAiClient, row, rowsOf, startFrozen, submit } from './harness.ts';

test('a batch of 50,000 rows, each answered once', async () => {
  const simulator = await startFrozen();
  const client = openAiClient(simulator);
  const lines = Array.from({ length: 50_000 }, (_, index) => row(`r${index}`, chat(`${index}`)));
  const { id } = await submit(client, lines);
  await simulator.advance(10_000);
  const { output_file_id, request_counts } = await client.batches.retrieve(id);
  expect(request_counts).toEqual({ total: 50_000, completed: 50_000, failed: 0 });
  const rows = await rowsOf(client, output_file_id);
  expect(new Set(rows.map(({ custom_id }) => custom_id)).size).toBe(50_000);
  expect(simulator.stats()).toMatchObject({ billed: 50_000, duplicates: 0 });
});
