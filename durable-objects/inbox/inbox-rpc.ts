import type { Artifact } from '../../core/contracts/artifact.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';

export type Source = 'azure-devops' | 'github' | 'telegram' | 'api' | 'reconcile' | 'schedule';

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
