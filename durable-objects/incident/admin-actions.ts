import type { AdminAction, AdminOutcome } from '../../core/contracts/admin-action.ts';
import type { Env } from '../../workers/env.ts';
import { relayPolicyStub, schedulerStub } from '../stubs.ts';

/** In the audit of what was changed: the person's name is in the request's own journal. */
const BY = 'operator (request)';

const done = (detail: string): AdminOutcome => ({ outcome: 'done', detail });
const refused = (detail: string): AdminOutcome => ({ outcome: 'refused', detail });

const FIRED = {
  going: 'it runs now',
  waiting: 'it runs after the one that is going on',
  skipped: 'it was skipped, for one is going on',
  duplicate: 'it was run already',
} as const;

/** Does what a person permitted. `request` makes doing it twice doing it once. */
export async function performAdminAction(
  env: Env,
  request: string,
  action: AdminAction,
): Promise<AdminOutcome> {
  switch (action.kind) {
    case 'allow_relay_route':
      await relayPolicyStub(env).allow(action.from, action.to, BY, Date.now());
      return done(`${action.from} may write to ${action.to} now.`);
    case 'remove_relay_route': {
      const wasThere = await relayPolicyStub(env).remove(action.from, action.to, BY, Date.now());
      return done(wasThere ? 'The route is closed.' : 'There was no such route.');
    }
    case 'pause_schedule':
    case 'resume_schedule': {
      const paused = action.kind === 'pause_schedule';
      const isKnown = await schedulerStub(env).setPaused(action.schedule, paused, BY);
      if (!isKnown) return refused(`There is no schedule ${action.schedule}.`);
      return done(`The schedule ${action.schedule} ${paused ? 'is paused' : 'goes on'}.`);
    }
    case 'run_schedule': {
      const fire = { schedule: action.schedule, key: request, cause: 'run', text: null, by: BY } as const;
      const { status } = await schedulerStub(env).fire(fire);
      if (status === 'unknown') return refused(`There is no schedule ${action.schedule}.`);
      if (status === 'inactive' || status === 'paused' || status === 'conflict')
        return refused(`The schedule ${action.schedule} was not run: ${status}.`);
      return done(`The schedule ${action.schedule}: ${FIRED[status]}.`);
    }
    case 'for_a_person':
      return done('A person took it on.');
  }
}
