import type { Priority } from '../../core/contracts/priority.ts';
import type { DispatchAnswer } from '../../core/queue/dispatch-answers.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';
import type { MessageState, StoredMessage } from './group-queue-rows.ts';

export interface GroupMessage {
  id: string;
  group: string;
  thread: string;
  from: string;
  text: string;
  /** Whether the group's agent is to act on it. */
  turn: boolean;
  incident: string | null;
  priority?: Priority;
  forPerson?: boolean;
  /** The group's chat shows it already. */
  isShown?: boolean;
}

/** What a person says to a group's agent. */
export interface PersonMessage {
  id: string;
  thread: string;
  /** Who says it, as it is shown. */
  from: string;
  text: string;
  /** What came with it from somebody else: data, never an order. */
  attachment: string | null;
  priority: Priority;
  /** Where it was said, and where its answer goes. */
  reply: { chat: string; thread: number | null };
  /** Not for the run that is going on, but a task of its own. */
  isOwnTask: boolean;
  /** Under which key the bot sent what it is a reply to; null or absent: nothing that is known. */
  about?: string | null;
  at: number;
}

/** What came of a task that a session dispatched. `parent`: that session, and what it works for. */
export interface DispatchAnswerMessage extends DispatchAnswer {
  id: string;
  parent: { run: string; incident: string };
  at: number;
}

/** Who was given a text. */
export interface Readers {
  incidents: string[];
  runs: string[];
}

export interface FoundMessage extends Readers {
  text: string;
  attachment: string | null;
  state: MessageState;
}

export type CancelAnswer =
  /** `canceling`: its incident ends its run. */
  | { status: 'canceled' | 'canceling'; text: string }
  | { status: 'too_late'; state: MessageState }
  | { status: 'unknown' };

export interface GroupQueueRpc extends KeptRpc {
  /** Keeps the message, shows it in the group's chat, and, for a turn, grants it in order and within the group's limit. */
  enqueue(
    message: GroupMessage & { at: number },
  ): Promise<{ state: 'active' | 'waiting' | 'noted'; position: number }>;
  /** Keeps what a person says: `steering` when it goes to a run that is going on; else a turn grants itself in order. */
  say(message: PersonMessage): Promise<{ state: MessageState; position: number }>;
  /** Keeps what came of a dispatched task: for the session that dispatched it, else for a turn of its own. */
  answer(answer: DispatchAnswerMessage): Promise<MessageState>;
  /** `failed`: why its work came to nothing for good; `canceled`: why nobody wants it any more; null or absent: neither. */
  endTurn(message: string, at: number, failed?: string | null, canceled?: string | null): Promise<void>;
  /** The incident that has a turn begins this run; asked before the run is. */
  runBegins(incident: string, run: string, at: number): Promise<void>;
  /** The run of a turn waits for a slot at this place. */
  waitsForSlot(run: string, position: number, at: number): Promise<void>;
  /** The run's model was given this message. */
  seen(message: string, run: string, at: number): Promise<void>;
  cancel(message: string, by: string, at: number): Promise<CancelAnswer>;
  /** The newest open message of a person in this thread; once by the command's id. */
  cancelNewest(command: string, thread: string, by: string, at: number): Promise<CancelAnswer>;
  find(message: string): Promise<FoundMessage | null>;
  /** Who was given messages in which this text stands. */
  readersOf(text: string): Promise<Readers>;
  /** Takes a text out of all messages; out of those of this incident also a very short one. */
  redact(text: string, incident: string | null): Promise<void>;
  /** Takes all that a message says. */
  blank(message: string): Promise<void>;
  messages(after: string | null, limit: number): Promise<{ items: StoredMessage[]; cursor: string | null }>;
  counts(): Promise<{ waiting: number; active: number; parked: number; maxConcurrent: number }>;
  /** Puts a dead effect, or a parked message, back. */
  retryEffect(key: string): Promise<boolean>;
}
