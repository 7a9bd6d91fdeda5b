import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { HostCommand } from '../../../core/contracts/host-command.ts';
import type {
  IntentOf,
  IntentOutcome,
  PushFix,
  performIntentSchema,
} from '../../../core/contracts/intents.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { sha256Hex } from '../../../wire/encoding.ts';
import { isAncestor } from '../git/git.ts';
import { RemoteError, type Remotes } from '../git/remote.ts';
import type { Logger } from '../logger.ts';
import { KeyedMutex } from '../mutex.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import { WorkerError } from '../worker/worker-client.ts';
import { checkRef } from './checks/branch.ts';
import type { IntentStore } from './intent-store.ts';
import { takeIn } from './take-in.ts';

type PerformIntent = z.infer<typeof performIntentSchema>;
type RefusedCode = Extract<IntentOutcome, { outcome: 'refused' }>['code'];

export interface PerformIntentDeps {
  intents: IntentStore;
  artifacts: Pick<ArtifactStore, 'read'>;
  remotes: Pick<Remotes, 'refresh' | 'defaultBranch' | 'currentCommit' | 'push'>;
  /** Executes a permitted command on its host; begins it at most once. */
  hostCommand: (intent: IntentOf<HostCommand>) => Promise<IntentOutcome>;
  folder: string;
  logger: Logger;
  /** The highest fence that this runner knows for a run; null when it never had it. */
  knownFence: (run: string) => number | null;
}

const refused = (code: RefusedCode, reason: string): IntentOutcome => ({ outcome: 'refused', code, reason });

/** Refusals that another try cannot change: they are kept, and given again. */
const FINAL: readonly RefusedCode[] = [
  'base_moved',
  'default_branch',
  'check_failed',
  'host_changed',
  'interrupted',
  'command_timeout',
  'connection_lost',
];

/**
 * Does exactly what was permitted. Whether it may be done is the Worker's signed word and the digest;
 * where it goes is checked here once more. Throws `RemoteError` and `WorkerError`: then nothing is decided
 * and the same request may come again.
 */
export function createIntentPerformer(
  deps: PerformIntentDeps,
): (asked: PerformIntent) => Promise<IntentOutcome> {
  const mutex = new KeyedMutex();
  return (asked) => mutex.run(asked.intent.id, () => perform(asked, deps));
}

async function perform(asked: PerformIntent, deps: PerformIntentDeps): Promise<IntentOutcome> {
  const { intent } = asked;
  const digest = await canonicalDigest(intent.body);
  if (digest !== asked.digest || digest !== intent.digest)
    return refused('digest_mismatch', 'The body is not the one that was permitted.');
  if (asked.run !== intent.run || asked.fence < intent.fence)
    return refused('stale_fence', 'The lease that asks is not the one of this intent.');
  const known = deps.intents.outcome(intent.id);
  if (known) {
    if (known.digest !== digest)
      return refused('digest_mismatch', 'Another body was performed under this id.');
    return known.outcome;
  }
  const newer = deps.knownFence(intent.run);
  if ((newer !== null && asked.fence < newer) || !deps.intents.takeFence(intent.id, asked.fence))
    return refused('stale_fence', 'A newer lease of this run exists.');

  const outcome = await performBody(intent, deps);
  if (outcome.outcome !== 'refused' || FINAL.includes(outcome.code))
    deps.intents.saveOutcome(intent.id, digest, outcome);
  const code = outcome.outcome === 'refused' ? outcome.code : null;
  deps.logger.info('intent', { id: intent.id, run: intent.run, outcome: outcome.outcome, code });
  return outcome;
}

function performBody(
  intent: PerformIntent['intent'],
  deps: PerformIntentDeps,
): Promise<IntentOutcome> | IntentOutcome {
  const { body } = intent;
  switch (body.kind) {
    case 'push_fix':
      return push(intent.id, intent.run, body, deps);
    case 'host_command':
      return deps.hostCommand({ ...intent, body });
    case 'admin_request':
      return refused('not_performable', 'A request is words for a person; there is nothing to perform.');
  }
}

async function bundlePath(
  id: string,
  run: string,
  body: PushFix,
  deps: PerformIntentDeps,
): Promise<string | null> {
  const kept = deps.intents.bundlePath(id);
  if (kept !== null && (await sha256Hex(new Uint8Array(await readFile(kept)))) === body.bundle.sha256)
    return kept;
  try {
    const fetched = await deps.artifacts.read(run, body.bundle.sha256);
    return fetched.ok ? deps.intents.saveBundle(id, fetched.bytes) : null;
  } catch (error) {
    if (error instanceof WorkerError && (error.status === 404 || error.status === 403)) return null;
    throw error;
  }
}

async function push(id: string, run: string, body: PushFix, deps: PerformIntentDeps): Promise<IntentOutcome> {
  const defaultBranch = await deps.remotes.defaultBranch(body);
  const badRef = checkRef(body.ref, defaultBranch === null ? [] : [defaultBranch]);
  if (badRef)
    return refused(badRef.code === 'default_branch' ? 'default_branch' : 'check_failed', badRef.reason);

  const performed: IntentOutcome = { outcome: 'performed', ref: body.ref, commit: body.commit };
  const before = await deps.remotes.currentCommit(body, body.ref);
  if (before === body.commit) return performed;
  const moved = (now: string | null) =>
    refused('base_moved', `${body.ref} is at ${now ?? 'nothing'}, not at ${body.expected ?? 'nothing'}.`);
  if (before !== body.expected) return moved(before);

  const path = await bundlePath(id, run, body, deps);
  if (path === null) return refused('unknown_artifact', 'The bundle of this intent is nowhere to be found.');
  const mirror = await deps.remotes.refresh(body, body.base);
  const work = await mkdtemp(join(deps.folder, `${id}-`));
  try {
    const gitDir = join(work, 'fix.git');
    const taken = await takeIn({ bundlePath: path, head: body.commit, mirror, gitDir });
    if (!taken.ok) return refused('check_failed', taken.refusal.reason);
    for (const ancestor of [body.base, ...(before === null ? [] : [before])])
      if (!(await isAncestor(gitDir, ancestor, body.commit)))
        return refused('check_failed', `${body.commit} does not build on ${ancestor}.`);
    const pushed = await deps.remotes.push(body, gitDir, {
      ref: body.ref,
      expected: body.expected,
      commit: body.commit,
    });
    if (pushed.ok) return performed;
    // The answer of a push may get lost: what the ref says is what counts.
    const after = await deps.remotes.currentCommit(body, body.ref);
    if (after === body.commit) return performed;
    if (after !== body.expected) return moved(after);
    throw new RemoteError(`the push was not taken: ${pushed.stderr}`, true);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
