/** Sends a batch of rows and reads its results, one way after the other; tells how long each took. */

import { createNativeProvider } from '../../shared/adapters/providers/native/create-native-provider.ts';
import type { NativeBatchInput } from '../../shared/ports/native-batch-provider.ts';

const [url = '', dialect = '', count = '0'] = process.argv.slice(2);
const rowCount = Number(count);
const isAnthropic = dialect === 'anthropic';
const endpoint = isAnthropic ? '/v1/messages' : '/v1/chat/completions';
const signal = new AbortController().signal;
const provider = createNativeProvider(
  'bench',
  { dialect: isAnthropic ? 'anthropic' : 'openai', baseUrl: url, apiKey: 'sk-0123456789abcdef' },
  { clock: { nowMs: () => Date.now(), sleep: () => Promise.resolve() } },
);

const CONTENT = 'Summarise this, please, and keep it "short". '.repeat(80);
const input: NativeBatchInput = {
  jobId: 'job-1',
  endpoint,
  model: 'gpt-4o-mini',
  rowCount,
  async *rows() {
    for (let row = 0; row < rowCount; row += 1) {
      // A string of its own for each row, as reading a file would make.
      const content = `${row} ${CONTENT}`;
      yield {
        rowId: `job-1_${row}`,
        body: { messages: [{ role: 'user', content }], max_tokens: 9 },
      };
    }
  },
};

const startedAtMs = performance.now();
const sent = isAnthropic
  ? await provider.create(input, null, signal)
  : await provider.upload(input, signal);
const sentAtMs = performance.now();
if (sent.kind === 'failed') throw new Error(sent.message);
let answered = 0;
let bytes = 0;
const query = { output: `rows-${rowCount}`, endpoint, model: 'gpt-4o-mini', fromRow: 0 } as const;
for await (const row of provider.rows(query, signal)) {
  if (row.kind !== 'answered') throw new Error(JSON.stringify(row).slice(0, 500));
  answered += 1;
  bytes += row.bodyJson.length;
}
const readAtMs = performance.now();
await provider.close();
console.log(
  JSON.stringify({
    sendSeconds: (sentAtMs - startedAtMs) / 1_000,
    readSeconds: (readAtMs - sentAtMs) / 1_000,
    answered,
    bytes,
  }),
);
