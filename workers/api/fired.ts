import type { FireAnswer } from '../../durable-objects/scheduler/scheduler-rpc.ts';
import { Refusal } from '../problems.ts';

/** The caller’s `Idempotency-Key`; without one each call is a firing of its own. Throws a Refusal. */
export function idempotencyKey(header: string | undefined): string {
  if (header === undefined) return crypto.randomUUID();
  if (!/^[A-Za-z0-9._:-]{1,200}$/.test(header))
    throw new Refusal('bad_request', 'Idempotency-Key is 1 to 200 letters, digits, dots, colons, dashes');
  return header;
}

/** What the caller of a firing hears. Throws a Refusal where nothing runs. */
export function answerFired(
  schedule: string,
  answer: FireAnswer,
): { schedule: string; firing: string; status: 'going' | 'waiting' | 'duplicate' } {
  switch (answer.status) {
    case 'unknown':
      throw new Refusal('not_found', 'no such schedule');
    case 'inactive':
      throw new Refusal('conflict', 'its crew file names it no more');
    case 'paused':
      throw new Refusal('conflict', 'the schedule is paused');
    case 'conflict':
      throw new Refusal('unprocessable', 'this Idempotency-Key came before, with another text');
    case 'skipped':
      throw new Refusal('conflict', answer.note ?? 'it was skipped');
    default:
      return { schedule, firing: answer.firing, status: answer.status };
  }
}
