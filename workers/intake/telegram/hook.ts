import { Hono } from 'hono';
import { matchesSecret } from '../../constant-time.ts';
import { type Env, operatorTelegramId, telegramHookSecrets } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { acceptEvent, auditAction } from '../../routing/accept.ts';
import { SubjectCollector } from '../../subjects.ts';
import { readBody } from '../body.ts';
import { parseUpdate } from './parse.ts';

/** The Bot API’s updates are a few kilobytes; this is generous. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * `POST /hooks/telegram`. Only the operator is obeyed. A stranger’s update is audited and answered 200, so that
 * Telegram does not send it again and the stranger learns nothing.
 */
export const telegramHook = new Hono<{ Bindings: Env }>().post('/', async (context) => {
  const { env, req } = context;
  const receivedAt = Date.now();
  if (!matchesSecret(req.header('x-telegram-bot-api-secret-token'), telegramHookSecrets(env))) {
    await auditAction(env, {
      at: receivedAt,
      actor: 'telegram',
      action: 'hook_unauthorized',
      data: { door: '/hooks/telegram' },
      subjects: {},
    });
    return problemResponse('unauthorized');
  }
  const body = await readBody(req.raw, MAX_BODY_BYTES);
  if (body.truncated) return problemResponse('too_large');
  const update = parseUpdate(jsonOrNull(body.text), operatorTelegramId(env));
  switch (update.kind) {
    case 'malformed':
      return problemResponse('invalid_body', update.reason);
    case 'other':
      return context.json({ status: 'ignored' });
    case 'stranger':
      await auditStranger(env, update, receivedAt);
      return context.json({ status: 'ignored' });
    case 'event': {
      const accepted = await acceptEvent(env, {
        source: 'telegram',
        delivery: String(update.update),
        type: update.type,
        receivedAt,
        payload: update.payload,
        refusedBecause: null,
        body: null,
      });
      return context.json(accepted);
    }
  }
});

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

async function auditStranger(
  env: Env,
  stranger: { update: number; sender: string; name: string },
  at: number,
): Promise<void> {
  const subjects = new SubjectCollector();
  const ref = await subjects.ref(`${stranger.name} [telegram ${stranger.sender}]`);
  await auditAction(env, {
    at,
    actor: ref?.subject ?? 'stranger',
    action: 'stranger_ignored',
    data: { update: stranger.update, sender: ref },
    subjects: subjects.texts,
  });
}
