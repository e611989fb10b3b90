import { defineConfig } from 'vitest/config';

const project = (name: string, timeoutMs: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: timeoutMs },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 20_000),
      project('infra', 60_000),
      project('contract', 30_000),
      project('integration', 120_000),
    ],
  },
});
