import type { Agent } from '../../core/contracts/agent.ts';
import type { TaskRequest } from '../../core/loops/task/events.ts';
import { taskKey } from '../../core/loops/task/key.ts';
import { memberOf } from '../../durable-objects/run/run-request.ts';
import { incidentStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import type { SubjectTexts } from '../subjects.ts';
import { eventIdOf, incidentIdOf } from './event-ids.ts';

/** `unknown_group`: the crew has none of that name. */
export type OpenedTask = { status: 'opened' | 'known'; incident: string } | { status: 'unknown_group' };

/** Hosts are reached from a container only: an agent that has some works there, even if it judges in the Worker. */
const kindOf = ({ kind, hosts }: Agent): Agent['kind'] => (hosts.length > 0 ? 'heavy' : kind);

/** Asks a group's agent something. `id` is the asker's own: the same id is the same task. */
export async function openTask(
  env: Env,
  id: string,
  request: Omit<TaskRequest, 'kind'>,
  subjects: SubjectTexts,
  atMs: number,
): Promise<OpenedTask> {
  const member = memberOf(request.group);
  if (member === null) return { status: 'unknown_group' };
  const key = taskKey(request.source, id);
  const incident = incidentIdOf(key);
  const { status } = await incidentStub(env, incident).receive({
    id: eventIdOf(`task/${request.source}`, id),
    key,
    at: atMs,
    event: { type: 'task_requested', data: { ...request, kind: kindOf(member.agent) } },
    subjects,
  });
  return { status: status === 'duplicate' ? 'known' : 'opened', incident };
}
