/**
 * Bundles every function as the stacks do, and tells how large it is and how long it takes to
 * load in a fresh process. `npm run bundles`; `-- --json` prints one object.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BundledFile, bundleFunction, functionNames } from './bundles/bundle-function.ts';

/** Fresh processes per function; the median is told. */
const RUNS = 9;
/** Packages told of each. */
const MOST_TOLD = 8;

interface Measured {
  readonly name: string;
  /** Without token ranks. Unit: bytes. */
  readonly bytes: number;
  /** Unit: bytes. */
  readonly rankBytes: number;
  /** Time to load, over several fresh processes. Unit: ms. */
  readonly initMs: { readonly least: number; readonly median: number };
  readonly largest: readonly BundledFile[];
}

const directory = mkdtempSync(join(tmpdir(), 'penstock-bundles-'));
try {
  const measured: Measured[] = [];
  for (const name of functionNames()) measured.push(await measure(name));
  if (process.argv.includes('--json')) console.log(JSON.stringify(measured));
  else for (const line of measured.flatMap(describe)) console.log(line);
} finally {
  rmSync(directory, { recursive: true });
}

async function measure(name: string): Promise<Measured> {
  const outfile = join(directory, name, 'index.mjs');
  const { files, bytes, rankBytes } = await bundleFunction(name, outfile);
  const runs = Array.from({ length: RUNS }, () => initOf(outfile)).sort((a, b) => a - b);
  return {
    name,
    bytes,
    rankBytes,
    initMs: { least: runs[0] ?? 0, median: runs[Math.floor(RUNS / 2)] ?? 0 },
    largest: byPackage(files).slice(0, MOST_TOLD),
  };
}

/** Unit: ms. */
function initOf(file: string): number {
  const url = JSON.stringify(pathToFileURL(file));
  const script = `const t = performance.now(); await import(${url}); console.log(performance.now() - t);`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  return Number(printed.trim().split('\n').at(-1));
}

function byPackage(files: readonly BundledFile[]): BundledFile[] {
  const sums = new Map<string, number>();
  for (const { path, bytes } of files) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'penstock';
    sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  return [...sums].map(([path, bytes]) => ({ path, bytes })).sort((a, b) => b.bytes - a.bytes);
}

function describe({ name, bytes, rankBytes, initMs, largest }: Measured): string[] {
  const kilobytes = (size: number): string => `${(size / 1_000).toFixed(0)} KB`;
  return [
    `${name}: ${kilobytes(bytes)}, and ${kilobytes(rankBytes)} of ranks; loads in ${initMs.least.toFixed(0)} ms at best, ${initMs.median.toFixed(0)} ms in the middle`,
    `  ${largest.map(({ path, bytes: size }) => `${path} ${kilobytes(size)}`).join(', ')}`,
  ];
}
