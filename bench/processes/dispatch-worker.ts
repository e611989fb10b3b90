/**
 * One of several workers on one limit: its own requests and ledger, the capacity of all in one
 * DynamoDB table. Indexes its file, says that it is ready, and begins when all are told to.
 */

import { createWriteStream, existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { readConfigFile } from '../../local/config/read-config-file.ts';
import { openEngine } from '../../local/engine.ts';
import { prepareInput } from '../../local/run/prepare-input.ts';
import { DynamoCapacityStore } from '../../shared/adapters/dynamodb/capacity-store.ts';
import { ModelsSeen } from '../../shared/adapters/dynamodb/models-seen.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { systemRandom } from '../../shared/adapters/system/random.ts';
import { loadModels } from '../../shared/runtime/configured-models.ts';
import { createDispatcher } from '../../shared/usecases/dispatcher.ts';
import { openTable } from '../../test/support/aws-stores.ts';

const POLL_MS = 25;

export const workerOrders = z.object({
  inputPath: z.string(),
  outputPath: z.string(),
  stateDirectory: z.string(),
  configPath: z.string(),
  table: z.string(),
  /** Written by the worker once it could begin. */
  readyPath: z.string(),
  /** Read by the worker: it begins once this exists. */
  goPath: z.string(),
});

export type WorkerOrders = z.output<typeof workerOrders>;

if (import.meta.main) await work(workerOrders.parse(JSON.parse(process.argv[2] ?? '')));

async function work(orders: WorkerOrders): Promise<void> {
  const source = orders.configPath;
  const config = readConfigFile(source, {
    environment: {},
    needsKeys: true,
    hasSecretStore: false,
  });
  const models = await loadModels(config, { source });
  const common = { clock: systemClock, random: systemRandom, config, models, source };
  const telemetry = { count: () => undefined, log: () => undefined };
  const output = createWriteStream(orders.outputPath);
  const engine = await openEngine({
    ...common,
    directory: orders.stateDirectory,
    purpose: 'run',
    inputPath: orders.inputPath,
    telemetry,
    onPublished: () => undefined,
  });
  const prepared = await prepareInput({
    ...common,
    engine,
    path: orders.inputPath,
    skipInvalid: false,
    lane: null,
    windowMs: null,
    tags: [],
    onProgress: () => undefined,
  });
  if (prepared.kind === 'rejected') throw new Error(`Lines were rejected: ${prepared.path}`);
  const table = openTable(orders.table);
  const capacity = new DynamoCapacityStore(table, new ModelsSeen(table));
  const dispatcher = createDispatcher({
    ...engine,
    ...common,
    capacity,
    telemetry,
    owner: systemRandom.id('worker_'),
    onPublished: (results) => {
      for (const { line } of results) output.write(`${Buffer.from(line).toString()}\n`);
    },
  });
  writeFileSync(orders.readyPath, '');
  while (!existsSync(orders.goPath)) await sleep(POLL_MS);
  const { reason } = await dispatcher.run({ untilDrained: true });
  await engine.close();
  await new Promise<void>((resolve) => output.end(resolve));
  if (reason !== 'drained') throw new Error(`The worker ended: ${reason}`);
}
