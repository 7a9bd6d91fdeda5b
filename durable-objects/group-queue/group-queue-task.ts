import { derivedId } from '../../core/contracts/ids.ts';
import { taskKey } from '../../core/loops/task/key.ts';
import { sha256Bytes } from '../shared/journal.ts';
import type { MessageRow } from './group-queue-rows.ts';

/** The task that a person's message asks for; one that is replayed is another task. */
export const taskIdOf = ({ id, round }: Pick<MessageRow, 'id' | 'round'>): string =>
  round === 1 ? id : `${id}:${round}`;

/** Known before the task is opened: its run may begin before we hear that it was. */
export const taskIncidentOf = (message: Pick<MessageRow, 'id' | 'round' | 'answers'>): string =>
  derivedId('inc', sha256Bytes(taskKey(taskSourceOf(message), taskIdOf(message))));

export const taskSourceOf = ({ answers }: Pick<MessageRow, 'answers'>): 'chat' | 'answer' =>
  answers === null ? 'chat' : 'answer';
