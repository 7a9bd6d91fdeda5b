import type { ProblemCode } from '../../../core/contracts/problem.ts';
import { ownerOfKey } from '../../../wire/key-owner.ts';
import { configuredRunners, type Env, runnerPublicKeys } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { auditAction } from '../../routing/accept.ts';

/**
 * Whether the key that signed a request is this runner's, and not one of another whose name only begins alike.
 * Where there is one runner, and no key is called by its name, all keys are its own.
 */
export function speaksFor(env: Env, keyId: string, runner: string): boolean {
  const configured = configuredRunners(env);
  const known = configured.includes(runner) ? configured : [...configured, runner];
  const owner = ownerOfKey(keyId, known);
  if (owner !== null || known.length > 1) return owner === runner;
  return runnerPublicKeys(env).keys.every(({ kid }) => ownerOfKey(kid, known) === null);
}

/** Refuses what a proved runner may not do; unlike a bad signature this is a fault of ours, or a break-in. */
export async function refuseRunner(
  env: Env,
  code: Extract<ProblemCode, 'wrong_runner' | 'not_its_run'>,
  about: { keyId: string; runner: string | null; run: string | null; path: string },
): Promise<Response> {
  await auditRefusedRunner(env, code, about);
  return problemResponse(
    code,
    code === 'wrong_runner'
      ? `the key ${about.keyId} is not one of ${about.runner}: call a runner's key by its name, or name.suffix`
      : undefined,
  );
}

export function auditRefusedRunner(
  env: Env,
  code: string,
  about: { keyId: string; runner: string | null; run: string | null; path: string },
): Promise<void> {
  return auditAction(env, {
    at: Date.now(),
    actor: 'runner',
    action: 'runner_refused',
    data: { code, ...about },
    subjects: {},
  });
}
