import {
  groupQueueStub,
  inboxByName,
  incidentStub,
  relayPolicyStub,
  runPoolStub,
  runStub,
  schedulerStub,
  telegramStub,
} from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';

/** Where a dead letter lies: kind and name of its object, and its key there. */
export interface DeadLetterAddress {
  objectType: string;
  object: string;
  key: string;
}

/** Puts a dead letter back into its outbox; false when it is not dead (any more). */
export async function retryDeadLetter(
  env: Env,
  { objectType, object, key }: DeadLetterAddress,
): Promise<boolean> {
  switch (objectType) {
    case 'incident':
      return incidentStub(env, object).retryEffect(key);
    case 'inbox':
      return inboxByName(env, object).retry(key);
    case 'telegram':
      return telegramStub(env).retry(key);
    case 'group_queue':
      return groupQueueStub(env, object).retryEffect(key);
    case 'run':
      return runStub(env, object).retryEffect(key);
    case 'run_pool':
      return runPoolStub(env).retryEffect(key);
    case 'relay_policy':
      return relayPolicyStub(env).retryEffect(key);
    case 'scheduler':
      return schedulerStub(env).retry(key);
    default:
      return false;
  }
}
