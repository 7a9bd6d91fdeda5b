import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import { derivedId } from '../../../core/contracts/ids.ts';
import type { Proof, PushFix, PushFixIntent } from '../../../core/contracts/intents.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { utf8 } from '../../../wire/encoding.ts';
import type { CommandResult, SandboxBackend, ToolCall } from '../backend/sandbox.ts';
import { readBlob } from '../git/git.ts';
import { RemoteError, type Remotes } from '../git/remote.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import { checkFix } from './check-fix.ts';
import type { FixUnderCheck } from './fix-under-check.ts';
import { gatherFix, readableDiff } from './gather.ts';
import { judgeProof, type ProofPlan, planProof, type TreeFacts, tailOf } from './proof-plan.ts';
import { type Refusal, refusal } from './refusal.ts';
import { packFix, takeIn } from './take-in.ts';

export type FixSubmission = Extract<ToolCall, { tool: 'submit_fix' }>;
export type SubmitOutcome =
  | { ok: true; intent: PushFixIntent; artifacts: Artifact[] }
  | { ok: false; refusals: Refusal[] };

/** A run that was asked for a fix. */
type FixRun = RunRequest & {
  fix: NonNullable<RunRequest['fix']>;
  workspace: NonNullable<RunRequest['workspace']>;
};

export interface SubmitFixDeps {
  backend: Pick<SandboxBackend, 'runCommand'>;
  remotes: Pick<Remotes, 'withCommit'>;
  artifacts: Pick<ArtifactStore, 'put'>;
  /** Where fixes are unpacked while they are checked. */
  folder: string;
  redact: (text: string) => string;
  /** Of one proving command, its install included. */
  proofTimeoutMs: number;
}

async function treeFacts(gitDir: string, commit: string): Promise<TreeFacts> {
  const [packageJson, lock, shrinkwrap] = await Promise.all(
    ['package.json', 'package-lock.json', 'npm-shrinkwrap.json'].map((path) =>
      readBlob(gitDir, commit, path),
    ),
  );
  return { hasLock: Boolean(lock ?? shrinkwrap), packageJson: packageJson?.toString('utf8') ?? null };
}

/** Checks what an agent wants pushed and, if all holds, makes the intent of it. Pushes nothing. */
export async function submitFix(
  request: RunRequest,
  submission: FixSubmission,
  deps: SubmitFixDeps,
): Promise<SubmitOutcome> {
  const { fix, workspace } = request;
  if (fix === null || workspace === null)
    return {
      ok: false,
      refusals: [refusal('not_a_fix_run', 'This task asks for no fix: report what you found.')],
    };
  const work = join(deps.folder, `${request.id}.${request.fence}`);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  try {
    return await checkAndProve({ ...request, fix, workspace }, submission, work, deps);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    return {
      ok: false,
      refusals: [
        refusal('unavailable', `The repository cannot be read now; submit again later. ${error.message}`),
      ],
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function checkAndProve(
  request: FixRun,
  submission: FixSubmission,
  work: string,
  deps: SubmitFixDeps,
): Promise<SubmitOutcome> {
  const { head } = submission;
  const { fix } = request;
  const { base } = fix.target;
  const mirror = await deps.remotes.withCommit(request.workspace, base);
  const taken = await takeIn({
    bundlePath: submission.bundlePath,
    head,
    mirror,
    gitDir: join(work, 'fix.git'),
  });
  if (!taken.ok) return { ok: false, refusals: [taken.refusal] };
  const { gitDir } = taken;

  const gathered = await gatherFix({
    gitDir,
    head,
    ...fix,
    identity: request.identity,
    redact: deps.redact,
  });
  if (!gathered.ok) return { ok: false, refusals: [gathered.refusal] };
  const refusals = checkFix(gathered.fix);
  const [baseTree, headTree] = await Promise.all([treeFacts(gitDir, base), treeFacts(gitDir, head)]);
  const plan = planProof({
    step: fix.step,
    base,
    head,
    net: gathered.fix.net,
    netLines: gathered.fix.netLines,
    earlier: gathered.fix.earlier,
    trees: { base: baseTree, head: headTree },
  });
  if (!plan.ok) refusals.push(plan.refusal);
  if (!plan.ok || refusals.length > 0) return { ok: false, refusals };

  const run = (name: 'red' | 'green', timeoutMs: number) =>
    deps.backend.runCommand({
      label: `proof-${name}-${request.id}`,
      repository: gitDir,
      ...plan[name],
      timeoutMs,
    });
  const green = await run('green', deps.proofTimeoutMs);
  const red = await run('red', Math.min(deps.proofTimeoutMs, redTimeoutMs(green.durationMs)));
  const faults = judgeProof(plan, red, green);
  if (faults.length > 0) return { ok: false, refusals: faults };
  return accept({ request, submission, fix: gathered.fix, plan, red, green, gitDir, work, deps });
}

const MIN_RED_TIMEOUT_MS = 90_000;

/** A fault may be an endless loop. What takes five times as long as with the fix is not passing. */
const redTimeoutMs = (greenMs: number): number => Math.max(MIN_RED_TIMEOUT_MS, 5 * greenMs);

/** Whole messages for people: one line each where a line is expected. */
function oneLine(text: string, maxChars: number): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, maxChars) || '(none given)';
}

async function accept(all: {
  request: FixRun;
  submission: FixSubmission;
  fix: FixUnderCheck;
  plan: Extract<ProofPlan, { ok: true }>;
  red: CommandResult;
  green: CommandResult;
  gitDir: string;
  work: string;
  deps: SubmitFixDeps;
}): Promise<SubmitOutcome> {
  const { request, submission, fix, plan, gitDir, deps } = all;
  const { target } = fix;
  const store = (name: string, type: string, bytes: Uint8Array) =>
    deps.artifacts.put(request.id, name, type, new Uint8Array(bytes));
  const proved = async (name: 'red' | 'green'): Promise<Proof['red']> => {
    const result = all[name];
    const output = deps.redact(result.output);
    const text = `$ ${plan.command}\n${output}`;
    return {
      command: plan.command,
      exitCode: result.exitCode,
      durationMs: Math.round(result.durationMs),
      tail: tailOf(output),
      log: await store(`proof-${name}.log`, 'text/plain; charset=utf-8', utf8(text)),
    };
  };
  const bundle = await packFix(gitDir, target.base, join(all.work, 'accepted.bundle'));
  const body: PushFix = {
    kind: 'push_fix',
    project: request.workspace.project,
    repository: request.workspace.repository,
    ref: target.ref,
    expected: target.expected,
    base: target.base,
    commit: submission.head,
    bundle: await store('fix.bundle', 'application/x-git-bundle', bundle),
    diff: await store(
      'fix.diff',
      'text/x-diff; charset=utf-8',
      await readableDiff(gitDir, target.base, submission.head),
    ),
    title: oneLine(deps.redact(submission.input.title), 200),
    rootCause: oneLine(deps.redact(submission.input.rootCause), 300),
    fixSummary: deps.redact(submission.input.fixSummary).trim().slice(0, 4_000) || '(none given)',
    files: fix.net.map(({ path, status, additions, deletions }) => ({ path, status, additions, deletions })),
    proof: {
      kind: plan.kind,
      red: await proved('red'),
      green: await proved('green'),
      newTests: plan.newTests,
    },
  };
  const digest = await canonicalDigest(body);
  const id = derivedId(
    'int',
    createHash('sha256').update(`${request.id} ${request.fence} ${digest}`).digest(),
  );
  const { bundle: packed, diff, proof } = body;
  return {
    ok: true,
    intent: { id, run: request.id, fence: request.fence, digest, body },
    artifacts: [packed, diff, proof.red.log, proof.green.log],
  };
}
