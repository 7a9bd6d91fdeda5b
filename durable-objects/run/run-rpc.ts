import type { Intent } from '../../core/contracts/intents.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import type { SessionMessage } from '../../core/text/session-message.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';

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
