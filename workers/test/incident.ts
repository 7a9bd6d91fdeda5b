import { env } from 'cloudflare:test';
import type { PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { incidentStub } from '../../durable-objects/stubs.ts';
import { incidentIdOf } from '../routing/event-ids.ts';
import { COMMIT } from './azure-devops.ts';

/** An incident with one failed build on `ref`; its id. */
export async function openIncident(ref: string, build: number): Promise<string> {
  const key = `azure-devops/demo/shop/1/${ref}`;
  const incident = await incidentIdOf(key);
  const event: PipelineEvent = {
    type: 'build_failed',
    data: {
      organisation: 'demo',
      project: 'shop',
      definition: 1,
      definitionName: 'parcel-rates-ci',
      repository: 'parcel-rates',
      build,
      buildNumber: String(build),
      ref,
      commit: COMMIT,
      url: 'https://dev.azure.com/demo/shop/_build/results?buildId=1',
      reason: 'individualCI',
      finishedAt: Date.now(),
      pullRequest: null,
      defaultBranch: 'refs/heads/main',
      requestedFor: null,
      result: 'failed',
    },
  };
  await incidentStub(env, incident).receive({
    id: `evt_test_${build}`,
    key,
    at: Date.now(),
    event,
    subjects: {},
  });
  return incident;
}
