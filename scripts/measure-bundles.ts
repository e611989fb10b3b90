/**
 * Bundles every function as the stacks do, and tells how large it is and how long it takes to
 * load in a fresh process. `npm run bundles`; `-- --json` prints one object.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Metafile } from 'esbuild';

/** Fresh processes per function; the median is told. */
const RUNS = 9;

/** The same as in infra/constructs/service-function.ts. */
const BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

interface Measured {
  readonly name: string;
  /** The file Lambda loads. Unit: bytes. */
  readonly entryBytes: number;
  /** Token ranks, which are loaded only where something is counted. Unit: bytes. */
  readonly rankBytes: number;
  /** Unit: ms. */
  readonly initMs: { readonly least: number; readonly median: number };
  readonly largest: readonly { readonly path: string; readonly bytes: number }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'penstock-bundles-'));
try {
  const names = readdirSync(join(root, 'functions'));
  const measured: Measured[] = [];
  for (const name of names) measured.push(await measure(name));
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(measured)}\n`);
  else for (const line of measured.flatMap(describe)) process.stdout.write(`${line}\n`);
} finally {
  rmSync(out, { recursive: true });
}

async function measure(name: string): Promise<Measured> {
  const outfile = join(out, name, 'index.mjs');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`functions/${name}/index.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
    metafile: true,
    logLevel: 'error',
  });
  const inputs = inputsOf(metafile);
  const rankBytes = inputs
    .filter(({ path }) => path.includes('/ranks/'))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const runs = Array.from({ length: RUNS }, () => initOf(outfile)).sort((a, b) => a - b);
  return {
    name,
    entryBytes: statSync(outfile).size,
    rankBytes,
    initMs: { least: runs[0] ?? 0, median: runs[Math.floor(RUNS / 2)] ?? 0 },
    largest: byPackage(inputs).slice(0, 8),
  };
}

/** Time to import the bundle in a process of its own. Unit: ms. */
function initOf(file: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(file))}); console.log(performance.now() - t);`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  return Number(printed.trim().split('\n').at(-1));
}

function inputsOf({ outputs }: Metafile): { path: string; bytes: number }[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).map(([path, { bytesInOutput: bytes }]) => ({ path, bytes })),
  );
}

function byPackage(inputs: readonly { path: string; bytes: number }[]) {
  const sums = new Map<string, number>();
  for (const { path, bytes } of inputs) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'penstock';
    sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  return [...sums].map(([path, bytes]) => ({ path, bytes })).sort((a, b) => b.bytes - a.bytes);
}

function describe({ name, entryBytes, rankBytes, initMs, largest }: Measured): string[] {
  const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(0)} KB`;
  const parts = largest.map(({ path, bytes }) => `${path} ${kilobytes(bytes)}`).join(', ');
  return [
    `${name}: ${kilobytes(entryBytes - rankBytes)} without ranks, ${kilobytes(rankBytes)} ranks, init ${initMs.least.toFixed(0)} ms at best, ${initMs.median.toFixed(0)} ms in the middle`,
    `  ${parts}`,
  ];
}
