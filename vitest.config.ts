import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { SAMPLES } from './test/samples-folder.ts';

const nodeTests = [
  'core',
  'wire',
  'sandbox-runner/src',
  'twins',
  'scripts',
  'test/node',
  'crew',
  'bench',
].map((folder) => `${folder}/**/*.test.ts`);

/** What the Worker under test is told. No host of it exists: tests answer in its place. */
const workerTestSettings = {
  AZURE_DEVOPS_URL: 'http://azure-devops.test/demo',
  AZURE_DEVOPS_PROJECTS: 'shop,Tools',
  AZURE_DEVOPS_PAT: 'pat-for-tests',
  AZURE_DEVOPS_WEBHOOK_SECRET: 'hook-new,hook-old',
  TELEGRAM_API_ROOT: 'http://telegram.test',
  TELEGRAM_BOT_TOKEN: '100:token-for-tests',
  TELEGRAM_WEBHOOK_SECRET: 'telegram-secret',
  TELEGRAM_CHATS: 'ryan=-1001,cody=-1002:7',
  OPERATOR_TELEGRAM_ID: '4711',
  OPERATOR_TOKEN: 'operator-token',
  GITHUB_WEBHOOK_SECRET: 'github-secret',
  ANTHROPIC_BASE_URL: 'http://anthropic.test',
  ANTHROPIC_API_KEY: 'key-for-tests',
  PUBLIC_URL: 'https://dogwatch.test',
};

/** Three projects: `node` (pure core, runner, twins), `workerd` (objects and D1 in the real runtime), `docker` (needs an engine). */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: nodeTests,
          exclude: ['**/node_modules/**', '**/*.docker.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        resolve: { alias: { samples: SAMPLES } },
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: { bindings: workerTestSettings },
          }),
        ],
        test: {
          name: 'workerd',
          include: ['workers/**/*.test.ts', 'durable-objects/**/*.test.ts', 'test/workerd/**/*.test.ts'],
          testTimeout: 60_000,
          provide: { everyAbort: process.env.EVERY_ABORT === '1' },
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
