import { telegramStub } from '../durable-objects/stubs.ts';
import { type Env, telegramChats } from './env.ts';

/**
 * A message to the operator that belongs to no incident: a safety alert or a periodic post (row B5). The same
 * key is one message. False: there is nowhere to tell it.
 */
export async function tellOperator(
  env: Env,
  message: { key: string; html: string; at: number },
): Promise<boolean> {
  const operator = telegramChats(env).get('operator');
  if (!operator) return false;
  await telegramStub(env).send({ ...message, ...operator, buttons: [] });
  return true;
}
