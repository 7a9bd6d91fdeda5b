import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AzureDevopsTwin } from './index.ts';
import { addTinyRepository, call, startTwin } from './test-support.ts';

let twin: AzureDevopsTwin;
beforeEach(async () => {
  twin = await startTwin();
  await addTinyRepository(twin);
});
afterEach(() => twin.close());

const mail = `From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001
From: Mira Moss <mira@example.com>
Date: Mon, 2 Mar 2026 10:00:00 +0000
Subject: [PATCH] Multiply instead

It is what the customer asked for.
---
 sum.mjs | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/sum.mjs b/sum.mjs
--- a/sum.mjs
+++ b/sum.mjs
@@ -1 +1 @@
-export const sum = (a, b) => a + b;
+export const sum = (a, b) => a * b;
-- 
2.39.5
`;

it('takes author and message from a patch that is a mail', async () => {
  const commitId = await twin.pushPatch({ repository: 'tiny', branch: 'main', patch: mail });
  const { body } = await call(twin, `/shop/_apis/git/repositories/tiny/commits/${commitId}`);
  expect(body).toMatchObject({
    comment: 'Multiply instead\n\nIt is what the customer asked for.',
    author: { name: 'Mira Moss', email: 'mira@example.com' },
  });
});

it('lets the world outside change what builds find', async () => {
  twin.setCiEnv({ MOOD: 'bad' });
  await twin.commit({
    repository: 'tiny',
    branch: 'main',
    message: 'Ask',
    files: { 'test.mjs': "process.exit(process.env.MOOD === 'bad' ? 3 : 0);\n" },
  });
  await twin.idle();
  twin.setCiEnv({});
  await twin.queueBuild(1, 'main');
  await twin.idle();
  expect(twin.builds().map((build) => [build.reason, build.result])).toEqual([
    ['individualCI', 'failed'],
    ['manual', 'succeeded'],
  ]);
  expect(twin.buildLog(twin.builds()[0]?.id ?? 0)).toContain("Bash exited with code '3'.");
});
