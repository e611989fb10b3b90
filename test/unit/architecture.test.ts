import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

interface Cruise {
  readonly summary: { readonly totalCruised: number; readonly error: number };
}

it('sees every module, and none depends on what it must not', () => {
  const json = execFileSync(
    'depcruise',
    [
      'shared',
      'functions',
      'cli',
      'local',
      'simulator',
      'infra',
      '--config',
      '--output-type',
      'json',
    ],
    { encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024 },
  );
  const { summary } = JSON.parse(json) as Cruise;
  // The cruiser reports success on zero modules when it cannot read TypeScript.
  expect(summary.totalCruised).toBeGreaterThan(80);
  expect(summary.error).toBe(0);
});
