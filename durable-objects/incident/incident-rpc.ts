import type { Effect } from '../../core/loops/effects.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import type { Redecision } from '../shared/journal-redecide.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';

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
  /** Null: there is no such incident. */
  status(): Promise<string | null>;
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
