import { taskKey } from '../../core/loops/task/key.ts';
import { unfence, untoken } from '../../core/text/plain.ts';
import { subjectToken } from '../../core/text/tokens.ts';
import type { FiringOutcome, FiringWork, HandOver } from '../../durable-objects/scheduler/scheduler-rpc.ts';
import { schedulerStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { precheck } from '../schedules/precheck.ts';
import { SubjectCollector } from '../subjects.ts';
import { checkPipelines } from './check-pipelines.ts';
import { incidentIdOf } from './event-ids.ts';
import type { Delivered } from './inbox-event.ts';
import { openTask } from './open-task.ts';

/** Does a piece of what the clock, or somebody in its place, asked for. Safe to repeat. */
export async function deliverScheduled(env: Env, piece: HandOver, nowMs: number): Promise<Delivered> {
  const scheduler = schedulerStub(env);
  const work = await scheduler.work(piece);
  if (work === null) return { status: 'ignored', target: null, reason: 'it is done already' };
  switch (work.task.kind) {
    case 'agent':
      return askAgent(env, piece, work, work.task, nowMs);
    case 'check_pipelines': {
      const outcome = await check(env, nowMs);
      await scheduler.settle(piece, outcome, null);
      return { status: 'delivered', target: 'pipelines', reason: outcome.note };
    }
    case 'reconcile': {
      const { outcome, memory } = await reconcile(env, piece, work.memory, nowMs);
      await scheduler.settle(piece, outcome, memory);
      return { status: 'delivered', target: 'reconcile', reason: 'note' in outcome ? outcome.note : null };
    }
  }
}

async function check(env: Env, nowMs: number): Promise<FiringOutcome & { note: string }> {
  const { checks, unanswered } = await checkPipelines(env, nowMs);
  const taken = checks.filter(({ status }) => status === 'accepted').length;
  const silent = unanswered.map(({ project, reason }) => `${project} did not answer: ${reason}`);
  const note = [`${checks.length} branches looked at, ${taken} failures taken up`, ...silent].join('; ');
  if (silent.length > 0) return { kind: 'failed', note };
  return { kind: taken > 0 ? 'done' : 'nothing', note };
}

/**
 * The Scheduler knows the incident before it is opened: its end cannot come unheard, and the next try of a
 * failed opening finds the same incident.
 */
async function askAgent(
  env: Env,
  piece: HandOver,
  { schedule, group, cause, text, memory }: FiringWork,
  task: Extract<FiringWork['task'], { kind: 'agent' }>,
  nowMs: number,
): Promise<Delivered> {
  const scheduler = schedulerStub(env);
  const look =
    task.onlyIf === undefined || cause !== 'due'
      ? null
      : await precheck(env, task.onlyIf, { firing: piece.firing, memory }, nowMs);
  if (look?.isDue === false) {
    await scheduler.settle(piece, { kind: 'nothing', note: look.note }, null);
    return { status: 'delivered', target: null, reason: look.note };
  }
  const source = cause === 'fire' ? 'api' : 'schedule';
  const incident = incidentIdOf(taskKey(source, piece.firing));
  await scheduler.settle(piece, { kind: 'going', target: incident }, look?.memory ?? null);
  const subjects = new SubjectCollector();
  const attachment = await subjects.ref(text === null ? null : unfence(untoken(text)));
  const opened = await openTask(
    env,
    piece.firing,
    {
      source,
      group: group ?? '',
      from: `schedule ${schedule}`,
      title: `schedule ${schedule}`,
      text: untoken(task.prompt),
      attachment: attachment === null ? null : subjectToken(attachment.subject),
      thread: `schedule-${schedule}`,
      priority: task.priority,
      forPerson: false,
      reply: null,
      isShown: false,
      schedule,
      parent: null,
      budgetMicroUsd: null,
      workspace: null,
    },
    subjects.texts,
    nowMs,
  );
  if (opened.status === 'unknown_group') {
    const note = `there is no group ${group ?? ''}; change the schedule, or add the agent’s folder`;
    await scheduler.settle(piece, { kind: 'failed', note }, null);
    return { status: 'refused', target: null, reason: note };
  }
  return { status: 'delivered', target: opened.incident, reason: null };
}
