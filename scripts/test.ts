/**
 * `npm test`: every check the project has, in the order in which they fail fastest. Ends with a
 * line `N passed, N failed`, where each check that is not a test suite counts as one.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const CHECKS = ['lint', 'types', 'unused'];

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  numFailedTestSuites: z.number(),
});

const folder = mkdtempSync(join(tmpdir(), 'penstock-test-'));
let passed = 0;
let failed = 0;
for (const check of CHECKS) {
  const isGreen = run('npm', ['run', '--silent', check]);
  if (isGreen) passed += 1;
  else failed += 1;
  console.log(`${isGreen ? 'ok  ' : 'FAIL'} ${check}`);
}

const SUITES = [
  { name: 'suites', command: 'vitest', args: ['run', '--project', '!e2e'] },
  { name: 'e2e', command: 'node', args: ['scripts/e2e.ts', '--'] },
];
for (const { name, command, args } of SUITES) {
  const reportFile = join(folder, `${name}.json`);
  const reporters = [
    ...['--reporter=default', '--reporter=json'],
    `--outputFile.json=${reportFile}`,
  ];
  count(reportFile, run(command, [...args, ...reporters]));
}
rmSync(folder, { recursive: true, force: true });

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Adds what a suite's report says. A suite without a readable report has failed. */
function count(reportFile: string, isGreen: boolean): void {
  try {
    const report = reportSchema.parse(JSON.parse(readFileSync(reportFile, 'utf8')));
    passed += report.numPassedTests;
    // A skipped test is a promise nobody keeps, and a suite that does not load has no tests to fail.
    const broken = report.numFailedTests + report.numPendingTests + report.numTodoTests;
    failed += Math.max(broken, report.numFailedTestSuites, isGreen ? 0 : 1);
    if (report.numPassedTests === 0) failed += 1;
  } catch (error) {
    console.error(`The test report cannot be read: ${String(error)}`);
    failed += 1;
  }
}

function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0;
}
