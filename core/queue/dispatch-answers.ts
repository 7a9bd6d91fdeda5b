import { clip, plain, unfence } from '../text/plain.ts';

/** What came of a dispatched task. */
export type DispatchOutcome = 'done' | 'nothing_to_do' | 'blocked' | 'failed' | 'canceled';

export interface DispatchAnswer {
  /** The group that was asked, and the incident of its task. */
  from: string;
  incident: string;
  outcome: DispatchOutcome;
  /** What it was asked, in the words of who dispatched it. */
  asked: string;
  /** What it answers, or why it came to nothing. */
  text: string;
}

const WHAT_CAME: Record<DispatchOutcome, string> = {
  done: 'It is done',
  nothing_to_do: 'There was nothing to do',
  blocked: 'It could not go on',
  failed: 'It came to nothing',
  canceled: 'It was canceled',
};

/** For a session that goes on, which dispatched it; and as it is kept in its group's queue. */
export const dispatchAnswerText = ({ from, incident, outcome, asked, text }: DispatchAnswer): string =>
  `What came of the task that was dispatched to ${from} (${incident}). ${WHAT_CAME[outcome]}: ${plain(text, 4_000)}

It had been asked: ${plain(asked, 1_000)}`;

/** What the group does about it when the session that dispatched it has ended. */
export const dispatchAnswerOrder = (from: string): string =>
  `A session of yours dispatched a task to ${from} and has ended since. The answer is below, after what that session had
been asked. Say what came of it to whoever asked: the finding first. You conclude only: nothing further can be
dispatched from here; name what should follow.`;

/** Data, to be fenced: what the session had been asked, if that is known, and what it now hears. */
export const dispatchAnswerData = (request: string | null, answer: string): string =>
  unfence(request === null ? answer : `The session had been asked:\n${clip(request, 4_000)}\n\n${answer}`);
