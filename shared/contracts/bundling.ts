/**
 * How a function is bundled. Constants only: the stacks and `npm run bundles` build by this file,
 * so that what is measured is what is deployed.
 */

/** esbuild writes ESM, in which bundled CommonJS modules look for a `require` of their own. */
export const REQUIRE_BANNER =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export const BUNDLE_TARGET = 'node24';

/** Fields of a package by which its smaller form is found. */
export const MAIN_FIELDS = ['module', 'main'];

/**
 * Left out: undici's parsers for processors without SIMD. Every processor that Lambda runs Node 24
 * on has it, and undici asks for them only where it does not.
 */
export const LEFT_OUT = ['../llhttp/llhttp-wasm.js', '../milo/no-simd.js'];
