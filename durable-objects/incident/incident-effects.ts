import type { Effect } from '../../core/loops/effects.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import { escapeHtml } from '../../core/text/plain.ts';
import { resolveTokens, tokensIn } from '../../core/text/tokens.ts';
import { performAzureEffect } from '../../workers/adapters/azure-devops/effects.ts';
import { runnerClient } from '../../workers/adapters/runner.ts';
import { getArtifact } from '../../workers/artifacts.ts';
import type { Env } from '../../workers/env.ts';
import type { SubjectTexts } from '../../workers/subjects.ts';
import { mustTellOperator } from '../../workers/tell-operator.ts';
import {
  groupQueueStub,
  relayPolicyStub,
  runPoolStub,
  runStub,
  schedulerStub,
  telegramStub,
} from '../stubs.ts';
import { performAdminAction } from './admin-actions.ts';

/** What came of an effect: the event that goes back to the loop, if any. */
export interface Outcome {
  event: LoopEvent | null;
  subjects: SubjectTexts;
}

export interface EffectContext {
  incident: string;
  episode: number;
  /** Text of a subject of this incident; undefined when it was deleted. */
  subject(id: string): string | undefined;
}

/** Longest artifact text put into a message or prompt; the rest is read with a tool. */
const MAX_ARTIFACT_CHARS = 64_000;

const NOTHING: Outcome = { event: null, subjects: {} };

/** Performs one effect. Safe to repeat: everything is handed on under a key of its own. Throws what failed outside. */
export async function performEffect(env: Env, effect: Effect, context: EffectContext): Promise<Outcome> {
  switch (effect.kind) {
    case 'notify_operator':
      await notifyOperator(env, effect, context);
      return NOTHING;
    case 'settle_operator_message':
      await telegramStub(env).settle(
        effect.data.message,
        await resolve(env, effect.data.line, context, escapeHtml),
      );
      return NOTHING;
    case 'post_message':
      await enqueue(env, effect.data, context);
      return NOTHING;
    case 'relay':
      return { event: await relay(env, effect.data, context), subjects: {} };
    case 'answer_chat': {
      const { message, chat, thread, text } = effect.data;
      const html = await resolve(env, text, context, escapeHtml);
      await telegramStub(env).send({ key: message, chat, thread, html, buttons: [], at: Date.now() });
      return NOTHING;
    }
    case 'steer_run': {
      const { run, message, from, text } = effect.data;
      await runStub(env, run).steer({ id: message, from, text, at: Date.now() });
      return NOTHING;
    }
    case 'perform_admin_action': {
      const outcome = await performAdminAction(env, effect.data.request, effect.data.action);
      return { event: { type: 'admin_action_done', data: outcome }, subjects: {} };
    }
    case 'answer_dispatch':
      await answerDispatch(env, effect.data, context);
      return NOTHING;
    case 'end_turn':
      await endTurn(env, effect.data);
      return NOTHING;
    case 'withdraw_dispatch':
      await runPoolStub(env).withdrawDispatch(context.incident);
      return NOTHING;
    case 'end_firing': {
      const { outcome, note } = effect.data;
      await schedulerStub(env).ended(context.incident, { kind: outcome, note });
      return NOTHING;
    }
    case 'start_run':
      // First: what a person says from now on finds its run.
      await groupQueueStub(env, effect.data.group).runBegins(context.incident, effect.data.run, Date.now());
      await runStub(env, effect.data.run).start(effect.data);
      return NOTHING;
    case 'cancel_run':
      await runStub(env, effect.data.run).cancel(effect.data.reason);
      return NOTHING;
    case 'perform_intent':
      return { event: await performIntent(env, effect.data), subjects: {} };
    case 'open_pull_request': {
      const title = await resolve(env, effect.data.title, context, (raw) => raw);
      const description = await resolve(env, effect.data.description, context, (raw) => raw);
      return performAzureEffect(env, { ...effect, data: { ...effect.data, title, description } });
    }
    case 'abandon_pull_request': {
      const comment = await resolve(env, effect.data.comment, context, (raw) => raw);
      return performAzureEffect(env, { ...effect, data: { ...effect.data, comment } });
    }
    default:
      return performAzureEffect(env, effect);
  }
}

type DataOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>['data'];

async function notifyOperator(
  env: Env,
  { data }: Extract<Effect, { kind: 'notify_operator' }>,
  context: EffectContext,
): Promise<void> {
  await mustTellOperator(env, {
    key: data.message,
    html: await resolve(env, data.text, context, escapeHtml),
    buttons: data.buttons,
    at: Date.now(),
  });
}

async function relay(env: Env, data: DataOf<'relay'>, context: EffectContext): Promise<LoopEvent> {
  const { message, from, to } = data;
  const answer = await relayPolicyStub(env).ask({
    from,
    to,
    message,
    conversation: context.incident,
    incident: context.incident,
    run: null,
    text: null,
    at: Date.now(),
  });
  if (!answer.allowed)
    return { type: 'relay_refused', data: { message, from, to, code: answer.code, reason: answer.reason } };
  await enqueue(env, { ...data, group: to }, context);
  return { type: 'relay_delivered', data: { message, from, to } };
}

async function enqueue(env: Env, data: DataOf<'post_message'>, context: EffectContext): Promise<void> {
  const { message, group, from, text, turn, thread, priority, forPerson, isShown } = data;
  await groupQueueStub(env, group).enqueue({
    id: message,
    group,
    thread: thread ?? context.incident,
    from,
    text: await resolve(env, text, context, (raw) => raw),
    turn,
    incident: context.incident,
    ...(priority === undefined ? {} : { priority }),
    ...(forPerson === undefined ? {} : { forPerson }),
    ...(isShown === undefined ? {} : { isShown }),
    at: Date.now(),
  });
}

async function endTurn(env: Env, { group, message, failed, canceled }: DataOf<'end_turn'>): Promise<void> {
  await groupQueueStub(env, group).endTurn(message, Date.now(), failed ?? null, canceled ?? null);
}

async function answerDispatch(
  env: Env,
  { message, group, run, incident, from, outcome, asked, text }: DataOf<'answer_dispatch'>,
  context: EffectContext,
): Promise<void> {
  await groupQueueStub(env, group).answer({
    id: message,
    parent: { run, incident },
    from,
    incident: context.incident,
    outcome,
    asked: await resolve(env, asked, context, (raw) => raw),
    text: await resolve(env, text, context, (raw) => raw),
    at: Date.now(),
  });
}

async function performIntent(
  env: Env,
  { run, fence, intent: id, digest }: DataOf<'perform_intent'>,
): Promise<LoopEvent> {
  const object = runStub(env, run);
  const submitted = await object.intent(id);
  if (submitted === null || submitted.digest !== digest)
    return {
      type: 'intent_performed',
      data: {
        intent: id,
        outcome: { outcome: 'refused', code: 'digest_mismatch', reason: 'the run holds no such intent' },
      },
    };
  const outcome = await runnerClient(env).performIntent(
    await object.runner(),
    { run, fence, digest, intent: submitted },
    (runner) => object.lend(runner),
  );
  return { type: 'intent_performed', data: { intent: id, outcome } };
}

/** A text as it goes to a model or a service: every token replaced, nothing escaped. */
export const resolveText = (env: Env, text: string, subject: EffectContext['subject']): Promise<string> =>
  resolve(env, text, { subject }, (raw) => raw);

/** Puts texts in the place of tokens; `escaped` fits them to where they go. */
async function resolve(
  env: Env,
  text: string,
  context: Pick<EffectContext, 'subject'>,
  escaped: (raw: string) => string,
): Promise<string> {
  const artifacts = new Map<string, string>();
  for (const { kind, id } of tokensIn(text))
    if (kind === 'artifact' && !artifacts.has(id)) {
      const found = await getArtifact(env.ARTIFACTS, id);
      if (found) artifacts.set(id, (await found.text()).slice(0, MAX_ARTIFACT_CHARS));
    }
  return resolveTokens(text, ({ kind, id }) => {
    const raw = kind === 'sub' ? context.subject(id) : artifacts.get(id);
    return raw === undefined ? undefined : escaped(raw);
  });
}
