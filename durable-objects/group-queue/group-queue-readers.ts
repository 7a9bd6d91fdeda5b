import type { GroupMessages } from './group-queue-messages.ts';
import { answersOf, type MessageRow } from './group-queue-rows.ts';
import type { Readers } from './group-queue-rpc.ts';

const known = (ids: (string | null | undefined)[]): string[] => ids.filter((id) => typeof id === 'string');

/** Who was given a message: its incident, the one that it answers, and the runs that read it. */
export function readersOf(messages: GroupMessages, { steers, incident, run, answers }: MessageRow): Readers {
  const turn = steers === null ? null : messages.row(steers);
  const dispatch = answersOf({ answers });
  return { incidents: known([incident, dispatch?.incident]), runs: known([run, turn?.run, dispatch?.run]) };
}

export function readersOfText(messages: GroupMessages, text: string): Readers {
  const all = messages.holding(text).map((message) => readersOf(messages, message));
  return {
    incidents: [...new Set(all.flatMap(({ incidents }) => incidents))],
    runs: [...new Set(all.flatMap(({ runs }) => runs))],
  };
}
