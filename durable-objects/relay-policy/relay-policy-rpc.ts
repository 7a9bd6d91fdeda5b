import type { RelayRefusalCode } from '../../core/relay/decide-relay.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';

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
