import { z } from 'zod';
import { HOOK_STATUSES } from '../../core/reconcile/hook-news.ts';
import { html } from '../../core/text/plain.ts';
import type { FiringOutcome } from '../../durable-objects/scheduler/scheduler-rpc.ts';
import { azureDevOpsClient } from '../adapters/azure-devops/client.ts';
import { azureDevOpsSettings, type Env, SettingError } from '../env.ts';
import { tellOperator } from '../tell-operator.ts';
import { lookAtBuilds } from './builds.ts';
import { lookAtHooks } from './hooks.ts';

/** What one look tells the next. Unreadable: as if it were the first. */
const memorySchema = z
  .object({
    builds: z.record(z.string(), z.object({ since: z.number(), from: z.number().nullable() })),
    hooks: z
      .object({
        known: z.record(z.string(), z.object({ eventType: z.string(), status: z.enum(HOOK_STATUSES) })),
        none: z.boolean(),
      })
      .nullable(),
  })
  .catch({ builds: {}, hooks: null });
type Memory = z.infer<typeof memorySchema>;

/**
 * One piece of a look at Azure DevOps for what its hooks did not tell (row A1). A look that fails is no dead
 * letter: the next one sees everything again. The operator hears once a day that they fail.
 */
export async function reconcile(
  env: Env,
  piece: { firing: string; part: number },
  told: unknown,
  nowMs: number,
): Promise<{ outcome: FiringOutcome; memory: Memory | null }> {
  let settings: ReturnType<typeof azureDevOpsSettings>;
  try {
    settings = azureDevOpsSettings(env);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    return { outcome: { kind: 'nothing', note: error.message }, memory: null };
  }
  const api = azureDevOpsClient(settings);
  const memory = memorySchema.parse(told);
  // Hooks first: who hears of a failure late should know why.
  const hooks =
    piece.part === 1
      ? await lookAtHooks(env, api, memory.hooks, piece.firing, nowMs)
      : { memory: memory.hooks, note: null };
  const builds = await lookAtBuilds(env, api, memory.builds, nowMs);
  const next: Memory = { builds: builds.states, hooks: hooks.memory };
  const notes = [`builds handed in: ${builds.handedIn}`, hooks.note, ...builds.unanswered];
  const note = notes.filter((line) => line !== null).join('; ');
  if (builds.more) return { outcome: { kind: 'more', note }, memory: next };
  if (builds.unanswered.length > 0) {
    await tellOfSilence(env, builds.unanswered, nowMs);
    return { outcome: { kind: 'failed', note }, memory: next };
  }
  const isQuiet = builds.handedIn === 0 && hooks.note === null;
  return { outcome: { kind: isQuiet ? 'nothing' : 'done', note }, memory: next };
}

async function tellOfSilence(env: Env, unanswered: readonly string[], nowMs: number): Promise<void> {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  await tellOperator(env, {
    key: `reconcile-failing:${day}`,
    html: `⚠️ <b>Azure DevOps cannot be asked for builds</b>\n${unanswered
      .slice(0, 5)
      .map((line) => `• ${html(line, 200)}`)
      .join('\n')}\nA failure whose hook is lost goes unseen until it answers.`,
    at: nowMs,
  });
}
