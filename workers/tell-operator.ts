import { telegramStub } from '../durable-objects/stubs.ts';
import { type Env, SettingError, telegramChats } from './env.ts';

/** `html`: as Telegram takes it. The same key is one message. */
export interface OperatorMessage {
  key: string;
  html: string;
  buttons?: { text: string; action: string }[];
  at: number;
}

/** How a safety alert (row B5) reads; `html` says what happened. */
export const safetyAlert = (about: string, html: string): string =>
  `⚠️ <b>Safety alert</b> (${about}): ${html}`;

/** Straight to the operator’s own chat. False: there is nowhere to tell it. */
export async function tellOperator(env: Env, message: OperatorMessage): Promise<boolean> {
  const operator = telegramChats(env).get('operator');
  if (!operator) return false;
  await telegramStub(env).send({ buttons: [], ...message, ...operator });
  return true;
}

/** For an outbox, which tries again until it is told. */
export async function mustTellOperator(env: Env, message: OperatorMessage): Promise<void> {
  if (!(await tellOperator(env, message)))
    throw new SettingError('OPERATOR_TELEGRAM_ID', 'is not set, so the operator cannot be told; set it');
}
