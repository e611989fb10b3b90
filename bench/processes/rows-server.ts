/** Takes files of rows and swallows them, and hands out results of as many rows as it is asked for. */

import { createServer } from 'node:http';
import { Readable } from 'node:stream';

const TEXT = 'All work and no play makes Jack a dull boy, "quoted" and \\ escaped. '.repeat(56);

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    for await (const _piece of request);
    // Enough of a file, and of a batch.
    response.end(JSON.stringify({ id: 'made-1', processing_status: 'in_progress' }));
    return;
  }
  const [, count = '0'] = /\/rows-(\d+)\//.exec(request.url ?? '') ?? [];
  const isAnthropic = request.url?.includes('/messages/') === true;
  response.setHeader('content-type', 'application/jsonl');
  Readable.from(results(Number(count), isAnthropic), { objectMode: false }).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
});

function* results(count: number, isAnthropic: boolean): Generator<string> {
  const usage = isAnthropic
    ? { input_tokens: 900, output_tokens: 900 }
    : { prompt_tokens: 900, completion_tokens: 900, total_tokens: 1_800 };
  for (let row = 0; row < count; row += 1) {
    const custom_id = `job-1_${row}`;
    const message = isAnthropic
      ? { type: 'message', content: [{ type: 'text', text: TEXT }], stop_reason: 'end_turn', usage }
      : {
          object: 'chat.completion',
          choices: [{ index: 0, message: { content: TEXT }, finish_reason: 'stop' }],
          usage,
        };
    const line = isAnthropic
      ? { custom_id, result: { type: 'succeeded', message } }
      : {
          custom_id,
          response: { status_code: 200, request_id: 'ab12', body: message },
          error: null,
        };
    yield `${JSON.stringify(line)}\n`;
  }
}
