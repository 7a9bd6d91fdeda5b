import { incidentStub, telegramStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { SubjectCollector } from '../subjects.ts';
import type { Delivered, InboxPayload } from './inbox-event.ts';

type Decision = Extract<InboxPayload, { kind: 'decision' }>;

interface JournalEntry {
  type: string;
  data: unknown;
}

/** Brings a human’s word to the incident, and says at the button what became of it. */
export async function deliverDecision(
  env: Env,
  event: { id: string; payload: Decision },
  nowMs: number,
): Promise<Delivered> {
  const { incident, attempt, verdict, via, callback } = event.payload;
  const subjects = new SubjectCollector();
  const by = await subjects.person(event.payload.by || 'operator');
  const stub = incidentStub(env, incident);
  const recorded = async () => hasRecorded((await stub.view())?.journal ?? [], attempt, verdict);
  const wasBefore = await recorded();
  const { status } = await stub.receive({
    id: event.id,
    key: null,
    at: nowMs,
    event: { type: 'approval_given', data: { attempt, verdict, by, via } },
    subjects: subjects.texts,
  });
  const counted = wasBefore ? 'before' : (await recorded()) ? 'now' : 'not';
  const { reason, toast } = answerTo(verdict, counted);
  if (callback !== null) await telegramStub(env).answerCallback(callback, toast);
  if (status === 'unknown') return { status: 'ignored', target: null, reason: 'no such incident' };
  return { status: 'delivered', target: incident, reason };
}

/** What is said at the button, and what the delivery records. A second press must not read like a second approval. */
export function answerTo(
  verdict: Decision['verdict'],
  counted: 'now' | 'before' | 'not',
): { reason: string; toast: string } {
  if (counted === 'not')
    return { reason: 'it no longer waited for a decision', toast: 'That no longer waits for a decision.' };
  const word = verdict === 'approved' ? 'Approved' : 'Denied';
  return counted === 'now'
    ? { reason: verdict, toast: `${word}.` }
    : { reason: `${verdict} before`, toast: `${word} already.` };
}

/** Whether the incident’s journal holds this verdict on this attempt. */
export function hasRecorded(journal: readonly JournalEntry[], attempt: number, verdict: string): boolean {
  return journal.some(({ type, data }) => {
    if (type !== 'approval_recorded' || typeof data !== 'object' || data === null) return false;
    return 'attempt' in data && data.attempt === attempt && 'verdict' in data && data.verdict === verdict;
  });
}
