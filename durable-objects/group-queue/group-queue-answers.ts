import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import { dispatchAnswerData, dispatchAnswerText } from '../../core/queue/dispatch-answers.ts';
import { type MessageRow, type ReplyPlace, replyOf } from './group-queue-rows.ts';
import type { DispatchAnswerMessage } from './group-queue-rpc.ts';

/**
 * The message that brings what came of a dispatched task. `asked`: the turn whose session dispatched it; null: it
 * is not known any more. Who waited for that turn hears what follows.
 */
export function answerRow(
  { id, parent, at, ...answer }: DispatchAnswerMessage,
  asked: MessageRow | null,
): Pick<MessageRow, 'id' | 'thread' | 'text' | 'turn' | 'incident' | 'at' | 'priority'> & {
  from: string;
  attachment: string;
  answers: string;
  reply: ReplyPlace | null;
} {
  const text = dispatchAnswerText(answer);
  return {
    id,
    thread: asked?.thread ?? parent.incident,
    from: answer.from,
    text,
    turn: 1,
    incident: null,
    at,
    priority: asked?.priority ?? DEFAULT_PRIORITY,
    attachment: dispatchAnswerData(asked?.text ?? null, text),
    answers: JSON.stringify({ run: parent.run, incident: answer.incident }),
    reply: asked && replyOf(asked),
  };
}
