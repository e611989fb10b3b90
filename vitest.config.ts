import { defineConfig } from 'vitest/config';

/** Suites that need an AWS, wherever they lie. */
const ON_EMULATOR = 'test/**/*.emulator.test.ts';

const project = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], exclude: [ON_EMULATOR], testTimeout },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 20_000),
      // Loading CDK takes longer than most of the tests; nothing in it is mocked or kept.
      { test: { ...project('infra', 60_000).test, isolate: false } },
      project('contract', 30_000),
      project('integration', 120_000),
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          // One stack and one provider for all of them.
          fileParallelism: false,
          testTimeout: 360_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'emulator',
          include: [ON_EMULATOR],
          globalSetup: 'test/support/emulator-setup.ts',
          setupFiles: 'test/support/emulator-environment.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
