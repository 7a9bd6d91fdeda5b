import type { Build } from '../adapters/azure-devops/builds.ts';
import type { AzureDevOps } from '../adapters/azure-devops/client.ts';
import type { Env } from '../env.ts';
import { type Accepted, acceptEvent } from '../routing/accept.ts';

/**
 * Hands a finished build in as if its hook had come. The same end of a build is one event however often it is
 * found; that its hook came as well the incident notices, which knows a build by the same end (`buildEventId`).
 */
export function handInBuild(
  env: Env,
  api: AzureDevOps,
  project: string,
  build: Pick<Build, 'id' | 'result' | 'finishTime'>,
  nowMs: number,
): Promise<Accepted> {
  return acceptEvent(env, {
    source: 'reconcile',
    delivery: `${api.organisation}/${project}/${build.id}/${build.result}/${build.finishTime ?? ''}`,
    type: 'build.complete',
    receivedAt: nowMs,
    payload: { kind: 'build', project: { name: project, id: null }, build: build.id },
    refusedBecause: null,
    body: null,
  });
}
