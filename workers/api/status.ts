import { relayPolicyStub, runPoolStub } from '../../durable-objects/stubs.ts';
import { countOf } from '../db/queries.ts';
import { type Env, settingProblems } from '../env.ts';

/** The state of everything on one page: what runs, what waits for a human, what is not set up. */
export async function statusOf(env: Env, nowMs: number) {
  const [pool, routes, counts] = await Promise.all([
    runPoolStub(env).status(),
    relayPolicyStub(env).routes(),
    countOf(env.DB),
  ]);
  return { at: nowMs, ...counts, ...pool, relayRoutes: routes.length, settings: settingProblems(env) };
}
