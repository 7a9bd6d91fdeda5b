import type { Artifact } from '../core/contracts/artifact.ts';
import type { Intent } from '../core/contracts/intents.ts';
import type { Priority } from '../core/contracts/priority.ts';
import type { RunnerEvent } from '../core/contracts/run.ts';
import type { BudgetCode } from '../core/cost/caps.ts';
import type { Effect, RunSpec } from '../core/loops/effects.ts';
import type { LoopEvent } from '../core/loops/index.ts';
import type { DispatchAnswer } from '../core/queue/dispatch-answers.ts';
import type { RelayRefusalCode } from '../core/relay/decide-relay.ts';
import type { ScheduleDefinition, ScheduledTask } from '../core/schedules/definition.ts';
import type { SessionMessage } from '../core/text/session-message.ts';
import type { MessageState, StoredMessage } from './group-queue/group-queue-rows.ts';
import type { PoolStatus } from './run-pool/run-pool-status.ts';
import type { Firing, ScheduleView } from './scheduler/scheduler-rows.ts';
import type { BackupAnswer, BackupOrder } from './shared/backup.ts';
import type { Redecision } from './shared/journal-redecide.ts';

/** What each object answers to the others. All of it is idempotent by the id or key it is given. */

export type Source = 'azure-devops' | 'github' | 'telegram' | 'api' | 'reconcile' | 'schedule';

/** What every object answers. */
export interface KeptRpc {
  /** Does what its alarm should have done. */
  poke(): Promise<void>;
  backup(order: BackupOrder): Promise<BackupAnswer>;
}

/** `busy`: nothing was kept; the sender is to come again. */
export type InboxAnswer = 'accepted' | 'duplicate' | 'refused' | 'busy';

export interface InboxRpc extends KeptRpc {
  /** Commits the event; after this a 2xx may be sent. `delivery` is the sender's id of the event. */
  accept(event: {
    id: string;
    source: Source;
    delivery: string;
    type: string;
    receivedAt: number;
    /** The parsed event, or null for one that is stored for inspection only. */
    payload: unknown;
    refusedBecause: string | null;
    /** The body as received, when under 256 KB; else `bodyArtifact`. */
    body: string | null;
    bodyArtifact: Artifact | null;
  }): Promise<{ status: InboxAnswer }>;
  /** Puts an action of the Worker itself (a refused sender, an operator's command) on this shard's audit chain. */
  audit(action: {
    at: number;
    actor: string;
    action: string;
    data: Record<string, unknown>;
    subjects: Record<string, { text: string; salt: string }>;
  }): Promise<void>;
  /** Gives a dead event its tries back; false when there is none. */
  retry(event: string): Promise<boolean>;
  /** Null: there is none, or it was deleted. */
  subjectText(subject: string): Promise<string | null>;
  /** Takes a text out of what was not delivered, and out of its subjects. */
  redact(text: string): Promise<void>;
  /** Takes a person's text away for good. Null: there is no such text. */
  deleteSubject(subject: string, by: string): Promise<{ text: string } | null>;
}

export interface IncidentRpc extends KeptRpc {
  /** Applies one event once (by `id`). `unknown`: there is no such incident and this event starts none. */
  receive(event: {
    id: string;
    key: string | null;
    at: number;
    event: LoopEvent;
    /** Personal texts that the event refers to, by subject id; stored beside the journal, not in it. The digest in the reference is SHA-256 of `<salt>\n<text>`. */
    subjects: Record<string, { text: string; salt: string }>;
  }): Promise<{ status: 'applied' | 'duplicate' | 'unknown' }>;
  /** State, evidence and journal for the API; null when nothing was ever recorded. */
  view(): Promise<IncidentView | null>;
  /** Evolves the recorded entries anew and compares, byte for byte. */
  replay(): Promise<{ identical: boolean; entries: number; sha256: string }>;
  /** Decides the recorded events with today's code and tells where it differs; writes nothing. Null: unknown. */
  redecide(): Promise<Redecision | null>;
  /** What would be recorded and done; writes nothing. */
  dryRun(
    event: LoopEvent,
    at: number,
  ): Promise<{ facts: { type: string; data: unknown }[]; effects: Effect[] }>;
  /** Puts a dead effect back into the outbox. */
  retryEffect(key: string): Promise<boolean>;
  /** A text of this incident with its tokens replaced: for a prompt at the moment it is used. */
  resolveText(text: string): Promise<string>;
  /** Takes a text out of all subjects that quote it. */
  redact(text: string, by: string): Promise<void>;
  /** Null: there is none, or it was deleted. */
  subjectText(subject: string): Promise<string | null>;
  /** Takes a person's text away for good; the journal keeps the reference. Null: there is no such text. */
  deleteSubject(subject: string, by: string): Promise<{ text: string } | null>;
}

export interface IncidentView {
  id: string;
  key: string;
  status: string;
  episode: number;
  state: unknown;
  journal: { seq: number; at: number; type: string; v: number; data: unknown; hash: string; prev: string }[];
  outbox: {
    key: string;
    kind: string;
    state: string;
    tries: number;
    nextAt: number | null;
    error: string | null;
  }[];
}

/** `ended`: there is no next turn any more; `not_started`: the run does not know of itself yet. */
export type SteerAnswer = 'accepted' | 'ended' | 'not_started';

export interface RunRpc extends KeptRpc {
  /** `rerun`: it does that run again, in that image, and nothing comes of it. */
  start(spec: RunSpec, rerun?: { of: string; imageDigest: string | null }): Promise<void>;
  /** `refused`: this runner never had the lease of some of them; those are dropped. */
  receive(events: RunnerEvent[], runner: string): Promise<{ acknowledged: number; refused: boolean }>;
  cancel(reason: string): Promise<void>;
  /** A message for the run's next turn, once by its id. */
  steer(message: SessionMessage): Promise<SteerAnswer>;
  /**
   * Everything was stopped: ends the session under this lease, within seconds. The run waits anew, from its
   * checkpoint, and its loop hears nothing. `unreachable`: its runner does not answer; it ends with its lease.
   */
  halt(fence: number): Promise<'ended' | 'unreachable' | 'not_running'>;
  /** A cap that it is charged to is spent: the run ends for good. */
  endForBudget(detail: string): Promise<void>;
  /** The pool has a slot for this run. */
  granted(lease: { fence: number; runner: string | null }): Promise<void>;
  /**
   * Takes a text, and these messages whole, out of what it keeps, and deletes the transcripts in which they stand: a
   * model says in other words what it has read. `going_on`: a session may be reading; nothing was done.
   */
  redact(order: { texts: string[]; messages: string[]; by: string }): Promise<'done' | 'going_on'>;
  /** Whether a session of it may be reading. */
  isGoingOn(): Promise<boolean>;
  view(): Promise<unknown>;
  intent(id: string): Promise<Intent | null>;
  /** The runner that has or had it; null when it never came to one. */
  runner(): Promise<string | null>;
  /** All that have or had it, or perform an intent of it: they may read and write its artifacts. */
  runners(): Promise<string[]>;
  /** Another runner than its own is about to perform an intent of it. */
  lend(runner: string): Promise<void>;
  /** The incident it works for; null when it was never started. */
  incident(): Promise<string | null>;
  /** Artifacts that its runner may read: those of the spec and of its own intents. */
  mayRead(sha256: string): Promise<boolean>;
  /** Puts a dead effect back into the outbox. */
  retryEffect(key: string): Promise<boolean>;
}

export interface RunPoolRpc extends KeptRpc {
  /**
   * Asks for a slot and a budget; `queued` is answered later through `Run.granted`. `position`: at most so many
   * go before it, itself included. A run that was leased before is never refused: it waits for its money.
   */
  lease(request: {
    run: string;
    group: string;
    kind: 'light' | 'heavy';
    budgetMicroUsd: number;
    priority?: Priority;
    forPerson?: boolean;
    at: number;
  }): Promise<
    | { status: 'granted'; fence: number; runner: string | null }
    | { status: 'queued'; position: number }
    | { status: 'refused'; code: BudgetCode; reason: string }
  >;
  /**
   * Counts a dispatched task, once by its incident: so many begin in a UTC day, the rest later, in their order.
   * Answers until when it is to wait; null: it need not.
   */
  admitDispatch(task: {
    incident: string;
    group: string;
    priority: Priority;
    forPerson: boolean;
  }): Promise<number | null>;
  /** `spent`: micro-dollars of the whole run so far, by UTC day (`2026-11-21`). */
  release(run: string, fence: number | null, spent: Record<string, number>): Promise<void>;
  /** As in `release`, while the run goes on and after its end. */
  spent(run: string, spent: Record<string, number>): Promise<void>;
  /** No heavy run of this group is begun before then; what waits keeps waiting. */
  backOff(group: string, until: number, run: string): Promise<void>;
  /** Renews the leases of a runner's report; answers which are no longer its own. */
  heartbeat(report: {
    runner: string;
    at: number;
    capacity: number;
    running: number;
    problems: string[];
    leases: { run: string; fence: number }[];
  }): Promise<{ lost: string[]; stop: boolean }>;
  /** The lease a run holds now; proves who speaks for it. */
  leaseOf(run: string): Promise<{ group: string; fence: number; runner: string | null } | null>;
  /** False when this nonce was seen before: a replayed request. */
  rememberNonce(keyId: string, nonce: string, expiresAt: number): Promise<boolean>;
  /** Nothing new begins from here on; answers what runs, for the caller to end. */
  stop(by: string, at: number): Promise<{ run: string; fence: number }[]>;
  resume(by: string, at: number): Promise<void>;
  /** For how long everything was stopped since then, in milliseconds. */
  stoppedMs(sinceMs: number): Promise<number>;
  /** Drained runners finish what they have and are given nothing new. */
  drain(runners: string[], drained: boolean, by: string): Promise<void>;
  /** Lets P0 and people pass the 90% of every cap until the UTC day ends; answers until when. */
  override(on: boolean, by: string): Promise<number | null>;
  /** Puts a dead effect back into the outbox. */
  retryEffect(key: string): Promise<boolean>;
  status(): Promise<PoolStatus>;
}

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
  /** `failed`: why its work came to nothing for good; null or absent: it did not. */
  endTurn(message: string, at: number, failed?: string | null): Promise<void>;
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

export type RelayAnswer = { allowed: true } | { allowed: false; code: RelayRefusalCode; reason: string };

export interface RelayPolicyRpc extends KeptRpc {
  allows(from: string, to: string): Promise<boolean>;
  /** As `allows`, for one message: conversations in circles are cut; a refusal is audited. */
  ask(request: {
    from: string;
    to: string;
    message: string;
    /** What messages that answer each other have in common. */
    conversation: string;
    incident: string | null;
    /** The run whose agent speaks; null: a loop does. */
    run: string | null;
    /** What the agent says; null: a loop speaks, which may repeat itself. Only its digest is kept, and not long. */
    text: string | null;
    at: number;
  }): Promise<RelayAnswer>;
  routes(): Promise<{ from: string; to: string; since: number; by: string }[]>;
  allow(from: string, to: string, by: string, at: number): Promise<void>;
  remove(from: string, to: string, by: string, at: number): Promise<boolean>;
  /** Puts a dead effect back into the outbox. */
  retryEffect(key: string): Promise<boolean>;
}

/** A piece of a firing on its way: long ones are done in several. */
export interface HandOver {
  firing: string;
  part: number;
}

export interface FiringWork {
  schedule: string;
  group: string | null;
  cause: 'due' | 'run' | 'fire';
  dueAt: number | null;
  task: ScheduledTask;
  /** What came with it from outside. */
  text: string | null;
  /** What the task wanted to know this time; null: nothing yet. */
  memory: unknown;
}

/** How a piece of a firing ended. `more`: the same task goes on. `going`: an incident took it over. */
export type FiringOutcome =
  | { kind: 'nothing' | 'done' | 'failed' | 'more'; note: string }
  | { kind: 'going'; target: string };

/** `hash` is the SHA-256 of salt and token, in hex. The token itself is kept nowhere. */
export interface ScheduleToken {
  salt: string;
  hash: string;
}

export interface FireRequest {
  schedule: string;
  /** The same key is the same firing. */
  key: string;
  cause: 'run' | 'fire';
  text: string | null;
  by: string;
}

/**
 * `duplicate`, `conflict`: the key came before, with this text or another. `skipped`: claimed, and by the
 * schedule’s setting not done.
 */
export type FireAnswer =
  | { status: 'unknown' | 'inactive' | 'paused' }
  | { status: 'duplicate' | 'conflict'; firing: string }
  | { status: 'going' | 'waiting' | 'skipped'; firing: string; note: string | null };

export interface SchedulerRpc extends KeptRpc {
  list(): Promise<ScheduleView[]>;
  /** With its newest firings; null: there is no such schedule. */
  view(id: string): Promise<{ schedule: ScheduleView; firings: Firing[] } | null>;
  /** `not_yours`: it comes with the deploy. The timing must have been checked. */
  put(definition: ScheduleDefinition, by: string): Promise<'created' | 'changed' | 'unchanged' | 'not_yours'>;
  remove(id: string, by: string): Promise<'removed' | 'unknown' | 'not_yours'>;
  /** False: there is no such schedule. */
  setPaused(id: string, paused: boolean, by: string): Promise<boolean>;
  setToken(id: string, token: ScheduleToken, by: string): Promise<boolean>;
  /** Null: there is no such schedule, or it has no token. */
  tokenOf(id: string): Promise<ScheduleToken | null>;
  fire(request: FireRequest): Promise<FireAnswer>;
  /** What is to be done now; null: it is done, or there is no such firing. */
  work(piece: HandOver): Promise<FiringWork | null>;
  /** `memory`: what the task wants to know next time; null: as before. */
  settle(piece: HandOver, outcome: FiringOutcome, memory: unknown): Promise<void>;
  /** The incident that took a firing over has ended. */
  ended(incident: string, outcome: FiringOutcome): Promise<void>;
  /** Takes a text out of what came with firings. */
  redact(text: string): Promise<void>;
  /** Puts a dead firing back into the outbox. */
  retry(key: string): Promise<boolean>;
}

export interface TelegramRpc extends KeptRpc {
  /** Queues a message; repeated with the same key it is one message. Order is kept per chat. */
  send(message: {
    key: string;
    chat: string;
    thread: number | null;
    /** Telegram HTML (https://core.telegram.org/bots/api#html-style). */
    html: string;
    buttons: { text: string; action: string }[];
    at: number;
  }): Promise<void>;
  /** The key under which this message was sent; null: not by us. */
  keyOf(chat: string, messageId: number): Promise<string | null>;
  /** Ends the spinner of a pressed button with a short text. */
  answerCallback(callback: string, text: string): Promise<void>;
  /** Takes the buttons away from the message sent under this key and appends a line. */
  settle(key: string, html: string): Promise<void>;
  /** Takes a text out of what was sent and is kept here; what people received stays with them. */
  redact(text: string): Promise<void>;
  /** Gives a dead message its tries back; false when there is none. */
  retry(key: string): Promise<boolean>;
}
