import { runPoolStub, schedulerStub, telegramStub } from '../../durable-objects/stubs.ts';
import { openIncidents } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { auditAction } from './accept.ts';
import { checkPipelines } from './check-pipelines.ts';
import type { Delivered, InboxPayload } from './inbox-event.ts';
import { type OperatorCommand, parseOperatorCommand } from './operator-command.ts';
import { checkText, helpText, incidentsText, statusText, unknownText } from './operator-texts.ts';
import { scheduleText } from './schedule-text.ts';
import { stopAll, stopText } from './stop-all.ts';

type OperatorText = Extract<InboxPayload, { kind: 'operator_text' }>;

/** Incidents that an answer looks at; it shows fewer. */
const MAX_INCIDENTS = 50;

/** Does what the operator asks and answers in the same chat: every message reaches a visible end. */
export async function answerOperator(
  env: Env,
  event: { id: string; payload: OperatorText },
  nowMs: number,
): Promise<Delivered> {
  const command = parseOperatorCommand(event.payload.text);
  const html = await perform(env, command, nowMs);
  await telegramStub(env).send({
    key: `${event.id}:answer`,
    ...event.payload.place,
    html,
    buttons: [],
    at: nowMs,
  });
  return { status: 'delivered', target: 'operator', reason: command.kind };
}

async function perform(env: Env, command: OperatorCommand, nowMs: number): Promise<string> {
  switch (command.kind) {
    case 'check_pipeline':
      return checkText(await checkPipelines(env, nowMs));
    case 'status': {
      const [pool, incidents] = await Promise.all([
        runPoolStub(env).status(),
        openIncidents(env.DB, MAX_INCIDENTS),
      ]);
      return statusText(pool, incidents.length, nowMs);
    }
    case 'incidents':
      return incidentsText(await openIncidents(env.DB, MAX_INCIDENTS));
    case 'stop':
    case 'resume':
      return stopOrResume(env, command.kind, nowMs);
    case 'schedule':
      return scheduleText(await schedulerStub(env).list());
    case 'help':
      return helpText;
    case 'unknown':
      return unknownText;
  }
}

async function stopOrResume(env: Env, what: 'stop' | 'resume', nowMs: number): Promise<string> {
  await auditAction(env, {
    at: nowMs,
    actor: 'operator',
    action: what,
    data: { via: 'telegram' },
    subjects: {},
  });
  if (what === 'stop') return stopText(await stopAll(env, 'operator', nowMs));
  await runPoolStub(env).resume('operator', nowMs);
  return 'Going on: agent sessions start again, each where it was.';
}
