/** So often may a conversation go from agent to agent before a loop or a person must speak again. */
export const MAX_HOPS = 6;
/** The same words from one agent to the same other are a loop within this time. */
export const REPEAT_WINDOW_MS = 10 * 60_000;

export type RelayRefusalCode = 'route_not_allowed' | 'relay_loop_hops' | 'relay_loop_repeated';

export interface RelayFacts {
  from: string;
  to: string;
  hasRoute: boolean;
  /**
   * Null: trusted code speaks (a loop hands over). Its own caps bound it, and with it a conversation begins
   * anew. Else how many hops the message lies behind that the sender has received in this conversation.
   */
  receivedAtHop: number | null;
  /** When the sender said the same to the same one before, in another message; null: not lately. */
  saidBeforeAt: number | null;
  nowMs: number;
}

export type RelayDecision =
  | { allowed: true; hops: number }
  | { allowed: false; code: RelayRefusalCode; reason: string };

/** Whether a message between two agents goes through, and how far it is then from what began it. */
export function decideRelay(facts: RelayFacts): RelayDecision {
  const { from, to, hasRoute, receivedAtHop, saidBeforeAt, nowMs } = facts;
  if (!hasRoute) return refuse('route_not_allowed', `there is no relay route from ${from} to ${to}`);
  if (receivedAtHop === null) return { allowed: true, hops: 0 };
  if (saidBeforeAt !== null && nowMs - saidBeforeAt < REPEAT_WINDOW_MS)
    return refuse(
      'relay_loop_repeated',
      `${from} said the same to ${to} less than 10 minutes ago; say what is new, or go on without it`,
    );
  const hops = receivedAtHop + 1;
  if (hops > MAX_HOPS)
    return refuse(
      'relay_loop_hops',
      `this conversation went from agent to agent ${MAX_HOPS} times; conclude with what you know`,
    );
  return { allowed: true, hops };
}

const refuse = (code: RelayRefusalCode, reason: string): RelayDecision => ({ allowed: false, code, reason });

/** The words of a message without what repeats of it differ in: case, marks, blanks. */
export function normaliseWords(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
