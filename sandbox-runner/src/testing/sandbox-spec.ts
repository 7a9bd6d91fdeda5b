import { join } from 'node:path';
import type { SandboxSpec } from '../backend/sandbox.ts';
import type { fakeGitServer } from '../gateway/testing/fake-git-server.ts';

export const MODEL = 'claude-opus-5-5';
/** Where agent images are kept between tests. */
export const CACHE_DIR = join(import.meta.dirname, '../../../.dogwatch');

let serial = 0;

/** Cody’s session on a commit of this server’s repository, with nothing that a test is not about. */
export const sandboxSpec = (
  git: Awaited<ReturnType<typeof fakeGitServer>>,
  repository: string,
  over: Partial<SandboxSpec> = {},
): SandboxSpec => ({
  run: `run_${process.pid}_${++serial}`,
  fence: 1,
  group: 'cody',
  model: MODEL,
  budgetUsd: 1,
  maxTurns: 20,
  timeoutMs: 120_000,
  result: 'fix',
  charter: 'You are Cody, a developer.',
  prompt: 'Look around.',
  workspace: { project: 'shop', repository, ref: 'refs/heads/main', commit: git.commits[0] ?? '' },
  identity: { name: 'Cody Codewell (AI Agent)', email: 'cody@example.invalid' },
  routes: ['anthropic', 'git', 'npm'],
  credentials: ['anthropic', 'azure-devops-code'],
  mirror: async () => git.bare,
  tools: ['report'],
  ...over,
});
