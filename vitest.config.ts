import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const nodeTests = ['core', 'wire', 'sandbox-runner/src', 'twins', 'scripts', 'test/node', 'crew'].map(
  (folder) => `${folder}/**/*.test.ts`,
);

/** Three projects: `node` (pure core, runner, twins), `workerd` (objects and D1 in the real runtime), `docker` (needs an engine). */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: nodeTests,
          exclude: ['**/node_modules/**', '**/*.docker.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: {
          name: 'workerd',
          include: ['workers/**/*.test.ts', 'durable-objects/**/*.test.ts', 'test/workerd/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'docker',
          include: ['sandbox-runner/**/*.docker.test.ts', 'test/docker/**/*.docker.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
