import { z } from 'zod';
import { decidePrecheck, FIRST_LOOK_BACK_MS, type Precheck } from '../../core/schedules/precheck.ts';
import { type BuildFilter, listBuilds } from '../adapters/azure-devops/builds.ts';
import { azureDevOpsClient } from '../adapters/azure-devops/client.ts';
import { AzureDevOpsError } from '../adapters/azure-devops/error.ts';
import { openLoops } from '../db/queries.ts';
import { azureDevOpsSettings, type Env, SettingError } from '../env.ts';

/** More of them change nothing. */
const MAX_BUILDS = 50;

const memorySchema = z.object({ askedAt: z.number(), firing: z.string() });
export type PrecheckMemory = z.infer<typeof memorySchema>;

/** Whether a schedule's agent is to be asked. `memory`: when it last was, and for which firing. */
export async function precheck(
  env: Env,
  check: Precheck,
  { firing, memory }: { firing: string; memory: unknown },
  nowMs: number,
): Promise<{ isDue: boolean; note: string; memory: PrecheckMemory }> {
  const asked = memorySchema.safeParse(memory).data;
  const next = { askedAt: nowMs, firing };
  // It was decided, and cut off before the agent was asked.
  if (asked?.firing === firing) return { isDue: true, note: 'decided before', memory: asked };
  const sinceMs = asked?.askedAt ?? nowMs - FIRST_LOOK_BACK_MS;
  const facts =
    check === 'open_incidents'
      ? { found: await openLoops(env.DB, 'pipeline-recovery'), unanswered: null }
      : await failedBuilds(env, sinceMs);
  return { ...decidePrecheck({ check, sinceMs, ...facts }), memory: next };
}

async function failedBuilds(
  env: Env,
  sinceMs: number,
): Promise<{ found: number; unanswered: string | null }> {
  let found = 0;
  let unanswered: string | null = null;
  try {
    const api = azureDevOpsClient(azureDevOpsSettings(env));
    const filter: BuildFilter = {
      finishedFrom: new Date(sinceMs).toISOString(),
      results: ['failed', 'partiallySucceeded'],
      top: MAX_BUILDS,
    };
    for (const project of api.projects) found += (await listBuilds(api, project, filter)).length;
  } catch (error) {
    if (error instanceof SettingError || (error instanceof AzureDevOpsError && !error.retryable))
      unanswered = error.message;
    else throw error;
  }
  return { found, unanswered };
}
