import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import {
  BUNDLE_TARGET,
  LEFT_OUT,
  MAIN_FIELDS,
  REQUIRE_BANNER,
} from '../../shared/contracts/bundling.ts';

/** One file that went into a bundle. */
export interface BundledFile {
  readonly path: string;
  /** What is left of it. Unit: bytes. */
  readonly bytes: number;
}

export interface Bundle {
  readonly files: readonly BundledFile[];
  /** Without token ranks, which are loaded only where something is counted. Unit: bytes. */
  readonly bytes: number;
  /** Unit: bytes. */
  readonly rankBytes: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every function there is, by the name of its folder. */
export function functionNames(): string[] {
  return readdirSync(`${root}functions`);
}

/** Bundles one function as the stacks do, into `outfile`, or nowhere. */
export async function bundleFunction(name: string, outfile?: string): Promise<Bundle> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`functions/${name}/index.ts`],
    outfile: outfile ?? 'bundle.mjs',
    write: outfile !== undefined,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: BUNDLE_TARGET,
    minify: true,
    mainFields: MAIN_FIELDS,
    external: LEFT_OUT,
    banner: { js: REQUIRE_BANNER },
    metafile: true,
    logLevel: 'error',
  });
  const files = filesOf(metafile);
  const total = Object.values(metafile.outputs).reduce((sum, { bytes }) => sum + bytes, 0);
  const rankBytes = sizeOf(files.filter(({ path }) => path.includes('/ranks/')));
  return { files, bytes: total - rankBytes, rankBytes };
}

/** Unit: bytes. */
export function sizeOf(files: readonly BundledFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function filesOf({ outputs }: Metafile): BundledFile[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).map(([path, { bytesInOutput: bytes }]) => ({ path, bytes })),
  );
}
