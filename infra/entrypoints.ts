import { fileURLToPath } from 'node:url';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../${path}`, import.meta.url));

const entry = (name: string): string => inRepository(`functions/${name}/index.ts`);

/** Where bundles are built from, and whose lock file pins what goes into them. */
export const REPOSITORY = inRepository('.');
export const LOCK_FILE = inRepository('package-lock.json');

/** Files whose export `handler` a function runs. Paths only: infra never imports a function. */
export const ENTRYPOINTS = {
  authorize: entry('authorize'),
  api: entry('api'),
  dispatch: entry('dispatch'),
  sweep: entry('sweep'),
  validateBatch: entry('validate-batch'),
  pollNativeBatches: entry('poll-native-batches'),
  recordDeadLetter: entry('record-dead-letter'),
} as const;
