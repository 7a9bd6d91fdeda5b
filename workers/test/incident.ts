import { env } from 'cloudflare:test';
import type { PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { buildFacts } from '../../core/loops/pipeline-recovery/test/world.ts';
import { incidentStub } from '../../durable-objects/stubs.ts';
import { incidentIdOf } from '../routing/event-ids.ts';
import { COMMIT } from './azure-devops.ts';

/** An incident with one failed build on `ref`; its id. */
export async function openIncident(ref: string, build: number): Promise<string> {
  const key = `azure-devops/demo/shop/1/${ref}`;
  const incident = incidentIdOf(key);
  const facts = buildFacts(build, { ref, commit: COMMIT, finishedAt: Date.now() });
  const event: PipelineEvent = { type: 'build_failed', data: { ...facts, result: 'failed' } };
  await incidentStub(env, incident).receive({
    id: `evt_test_${build}`,
    key,
    at: Date.now(),
    event,
    subjects: {},
  });
  return incident;
}
