import type { AdminAction, AdminOutcome } from '../core/contracts/admin-action.ts';
import type { Env } from '../workers/env.ts';
import { relayPolicyStub, schedulerStub } from './stubs.ts';

/** In the audit of what was changed: the person's name is in the request's own journal. */
const BY = 'operator (request)';

/** Does what a person permitted. Doing it twice is doing it once. */
export async function performAdminAction(
  env: Env,
  request: string,
  action: AdminAction,
): Promise<AdminOutcome> {
  switch (action.kind) {
    case 'allow_relay_route':
      await relayPolicyStub(env).allow(action.from, action.to, BY, Date.now());
      return { outcome: 'done', detail: `${action.from} may write to ${action.to} now.` };
    case 'remove_relay_route': {
      const wasThere = await relayPolicyStub(env).remove(action.from, action.to, BY, Date.now());
      const detail = wasThere ? 'The route is closed.' : 'There was no such route.';
      return { outcome: 'done', detail };
    }
    case 'pause_schedule':
    case 'resume_schedule': {
      const paused = action.kind === 'pause_schedule';
      if (!(await schedulerStub(env).setPaused(action.schedule, paused, BY))) return noSchedule(action);
      return { outcome: 'done', detail: `${action.schedule} is ${paused ? 'paused' : 'on again'}.` };
    }
    case 'run_schedule': {
      const { schedule } = action;
      const answer = await schedulerStub(env).fire({
        schedule,
        key: request,
        cause: 'run',
        text: null,
        by: BY,
      });
      if (answer.status === 'unknown' || answer.status === 'inactive') return noSchedule(action);
      if (answer.status === 'skipped') return { outcome: 'refused', detail: `Not now: ${answer.note}.` };
      return { outcome: 'done', detail: `${schedule} runs now.` };
    }
    case 'for_a_person':
      return { outcome: 'done', detail: 'A person took it on.' };
  }
}

const noSchedule = ({ schedule }: { schedule: string }): AdminOutcome => ({
  outcome: 'refused',
  detail: `There is no schedule ${schedule}.`,
});
