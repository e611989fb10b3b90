import Table from 'cli-table3';
import type { WireLimits } from '../api-client/penstock-api.ts';
import { formatCount, formatDuration } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import { type ServerFlags, withServer } from './server-session.ts';

/** Shows the buckets of every model in use; resolves to the exit code. */
export async function limits(flags: ServerFlags, terminal: Terminal): Promise<number> {
  const options = { say: terminal.note, onInterrupted: () => {} };
  return withServer(flags, terminal, options, async ({ api }) => {
    const models = await api.limits();
    if (flags.json === true) terminal.print(JSON.stringify({ models }));
    else if (models.length === 0) terminal.print('No model is configured or in use.');
    else terminal.print(describeLimits(models, terminal));
    return 0;
  });
}

function describeLimits(models: readonly WireLimits[], terminal: Terminal): string {
  const { color } = terminal;
  const table = new Table({
    head: ['model', 'provider', 'limit', 'a minute', 'allowed now', 'left', 'depth', ''],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const { model, provider, limits: buckets, concurrency, paused_until_ms: until } of models) {
    const pause =
      until === null
        ? ''
        : color.yellow(`waits ${formatDuration(Math.max(0, until - terminal.clock.nowMs()))}`);
    const rows = buckets.map((bucket) => [
      bucket.name.replaceAll('_', ' '),
      formatCount(bucket.per_minute),
      bucket.allowed_per_minute < bucket.per_minute
        ? color.yellow(formatCount(bucket.allowed_per_minute))
        : formatCount(bucket.allowed_per_minute),
      bucket.available < 0
        ? color.red(formatCount(bucket.available))
        : formatCount(bucket.available),
      formatCount(bucket.burst),
    ]);
    if (concurrency !== null) rows.push(['calls at once', '', '', '', formatCount(concurrency)]);
    if (rows.length === 0) rows.push(['none known yet', '', '', '', '']);
    rows.forEach((row, index) => {
      const isFirst = index === 0;
      table.push([isFirst ? model : '', isFirst ? provider : '', ...row, isFirst ? pause : '']);
    });
  }
  return table.toString();
}
