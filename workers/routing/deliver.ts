import { escapeHtml } from '../../core/text/plain.ts';
import { schedulerStub, telegramStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { tellOperator } from '../tell-operator.ts';
import { answerOperator } from './answer-operator.ts';
import { deliverAzureDevOps } from './deliver-azure-devops.ts';
import { deliverDecision } from './deliver-decision.ts';
import { deliverScheduled } from './deliver-scheduled.ts';
import type { Delivered, InboxPayload } from './inbox-event.ts';

/** Brings an event to where it belongs. Throws what may be tried again; safe to repeat. */
export async function deliverEvent(
  env: Env,
  event: { id: string; payload: InboxPayload },
  nowMs: number,
): Promise<Delivered> {
  const { id, payload } = event;
  switch (payload.kind) {
    case 'build':
    case 'pull_request':
    case 'push':
      return deliverAzureDevOps(env, { id, payload }, nowMs);
    case 'decision':
      return deliverDecision(env, { id, payload }, nowMs);
    case 'operator_text':
      return answerOperator(env, { id, payload }, nowMs);
    case 'scheduled':
      return deliverScheduled(env, { firing: payload.firing, part: payload.part }, nowMs);
    case 'stray_button':
      await telegramStub(env).answerCallback(payload.callback, 'This button does nothing any more.');
      return { status: 'ignored', target: null, reason: 'not a button of ours' };
  }
}

/**
 * A person who waits for an answer hears that there will be none (row A8), and so does a schedule. That hooks come to nothing the
 * operator hears once a day: no incident exists that could say so.
 */
export async function tellOfFailure(
  env: Env,
  event: string,
  payload: InboxPayload,
  error: string,
): Promise<void> {
  if (payload.kind === 'scheduled') {
    const { firing, part } = payload;
    await schedulerStub(env).settle({ firing, part }, { kind: 'failed', note: error.slice(0, 300) }, null);
    return;
  }
  if (payload.kind === 'build' || payload.kind === 'pull_request') return tellOfLostHook(env, error);
  if (payload.kind !== 'operator_text') return;
  await telegramStub(env).send({
    key: `${event}:failed`,
    ...payload.place,
    html: `That failed for good: ${escapeHtml(error.slice(0, 300))}\nIt is among the dead letters and can be replayed.`,
    buttons: [],
    at: Date.now(),
  });
}

async function tellOfLostHook(env: Env, error: string): Promise<void> {
  const nowMs = Date.now();
  await tellOperator(env, {
    key: `hooks-failing:${new Date(nowMs).toISOString().slice(0, 10)}`,
    html: `⚠️ Events of Azure DevOps come to nothing: ${escapeHtml(error.slice(0, 300))}
They wait among the dead letters. Mend the cause, then replay them, or say <b>check the pipeline</b>.`,
    at: nowMs,
  });
}
