import type { AdminAction, AdminOutcome } from '../core/contracts/admin-action.ts';
import type { Env } from '../workers/env.ts';
import { relayPolicyStub } from './stubs.ts';

/** In the audit of what was changed: the person's name is in the request's own journal. */
const BY = 'operator (request)';

/** Does what a person permitted. Doing it twice is doing it once. */
export async function performAdminAction(env: Env, action: AdminAction): Promise<AdminOutcome> {
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
    case 'resume_schedule':
    case 'run_schedule':
      return { outcome: 'refused', detail: `There is no schedule ${action.schedule}.` };
    case 'for_a_person':
      return { outcome: 'done', detail: 'A person took it on.' };
  }
}
