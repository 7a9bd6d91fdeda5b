import type { RunRequest } from '../../../core/contracts/run.ts';
import type { ToolAnswer } from '../backend/sandbox.ts';
import type { IntentStore } from '../fix/intent-store.ts';
import { refusal } from '../fix/refusal.ts';
import { type FixSubmission, type SubmitFixDeps, type SubmitOutcome, submitFix } from '../fix/submit-fix.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { EventSpool } from '../worker/event-spool.ts';

export interface SubmitFixToolDeps extends SubmitFixDeps {
  artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  spool: Pick<EventSpool, 'append'>;
  intents: IntentStore;
}

async function outcomeOf(
  request: RunRequest,
  submission: FixSubmission,
  acceptedBefore: boolean,
  deps: SubmitFixToolDeps,
): Promise<SubmitOutcome> {
  if (!acceptedBefore) return submitFix(request, submission, deps);
  const reason = 'A fix of this run was accepted already. Report what you found, and end your work.';
  return { ok: false, refusals: [refusal('already_accepted', reason)] };
}

/** Answers the agent, and tells the Worker either way. */
export async function submitFixTool(
  request: RunRequest,
  submission: FixSubmission,
  acceptedBefore: boolean,
  deps: SubmitFixToolDeps,
): Promise<ToolAnswer & { accepted: boolean }> {
  const outcome = await outcomeOf(request, submission, acceptedBefore, deps);
  const { id: run, fence } = request;
  if (!outcome.ok) {
    const codes = outcome.refusals.map(({ code }) => code);
    const reasons = outcome.refusals.map(({ reason }) => deps.redact(reason));
    deps.spool.append(run, fence, { type: 'intent_refused', data: { kind: 'push_fix', codes, reasons } });
    const list = reasons.map((reason, index) => `- ${codes[index]}: ${reason}`).join('\n');
    return { text: `The fix was refused:\n${list}`, isError: true, accepted: false };
  }
  const { intent, artifacts } = outcome;
  const bundle = await deps.artifacts.read(run, intent.body.bundle.sha256);
  if (bundle.ok) deps.intents.save(intent, bundle.bytes);
  deps.spool.append(run, fence, { type: 'intent', data: intent }, artifacts);
  const text =
    `The fix was accepted (${intent.id}): red at the base, green with your change. Trusted code pushes it to ` +
    `${intent.body.ref}; you push nothing. Now report your result.`;
  return { text, isError: false, accepted: true };
}
