import type { TelegramPlace } from './inbox-event.ts';
import { type OperatorCommand, parseOperatorCommand } from './operator-command.ts';

/** What the operator's words in a chat come to. */
export type Words =
  | { kind: 'command'; command: OperatorCommand }
  /** For a group's agent. `isOwnTask`: not for the session that is going on. */
  | { kind: 'say'; group: string; text: string; attachment: string | null; isOwnTask: boolean }
  | { kind: 'cancel'; group: string }
  /** Nothing to go by; `hint` says what would do. */
  | { kind: 'unclear'; hint: string };

/** The agent group whose chat or topic this is; null: none's. */
export function groupAt(
  place: TelegramPlace,
  chats: ReadonlyMap<string, TelegramPlace>,
  agents: readonly string[],
): string | null {
  const here = [...chats].filter(([group, { chat }]) => agents.includes(group) && chat === place.chat);
  const exact = here.find(([, { thread }]) => thread === place.thread);
  return (exact ?? here.find(([, { thread }]) => thread === null))?.[0] ?? null;
}

/** Messages of one chat, or of one of its topics, are dealt with in their order. */
export const threadOf = ({ chat, thread }: TelegramPlace): string =>
  thread === null ? `chat:${chat}` : `chat:${chat}:${thread}`;

/** `group`: whose chat it is said in; null: the main channel, the operator's own chat, or any other. */
export function decideWords(
  said: { text: string; isForwarded: boolean },
  group: string | null,
  agents: readonly string[],
): Words {
  const text = said.text.trim();
  if (text === '') return { kind: 'unclear', hint: 'I read text only: please write it.' };
  if (said.isForwarded) return forwarded(text, group);
  const slash = /^\/(task|cancel)(?:@\w+)?(?:\s+([\s\S]*))?$/i.exec(text);
  if (slash) {
    const rest = slash[2]?.trim() ?? '';
    return slash[1]?.toLowerCase() === 'task' ? ownTask(rest, group) : cancel(rest, group, agents);
  }
  const told = group === null ? tell(text, agents) : null;
  if (told) return told;
  const command = parseOperatorCommand(text);
  if (command.kind !== 'unknown' || group === null || text.startsWith('/'))
    return { kind: 'command', command };
  return { kind: 'say', group, text, attachment: null, isOwnTask: false };
}

/** Somebody else's words: to be looked at, not to be followed. */
function forwarded(text: string, group: string | null): Words {
  if (group === null)
    return { kind: 'unclear', hint: "Forward it to an agent's chat, and the agent looks at it." };
  const task = 'The operator forwarded the message below. Say what it means for your work.';
  return { kind: 'say', group, text: task, attachment: text, isOwnTask: true };
}

function ownTask(text: string, group: string | null): Words {
  if (group === null || text === '')
    return { kind: 'unclear', hint: 'Write it as <code>/task what is to be done</code> in an agent’s chat.' };
  return { kind: 'say', group, text, attachment: null, isOwnTask: true };
}

function cancel(name: string, group: string | null, agents: readonly string[]): Words {
  const whose = name === '' ? group : (agents.find((agent) => agent === name.toLowerCase()) ?? null);
  if (whose !== null) return { kind: 'cancel', group: whose };
  return {
    kind: 'unclear',
    hint: `Whose? <code>/cancel ${agents[0] ?? 'NAME'}</code>, or in that agent’s chat.`,
  };
}

/** `tell ryan: …`, `ask Cody to …`, also to `@Team`. */
function tell(text: string, agents: readonly string[]): Words | null {
  const match = /^(?:@\w+[,:]?\s*)?(?:please\s+)?(?:tell|ask)\s+([a-z][a-z0-9-]*)\s*[:,]?\s+([\s\S]+)$/i.exec(
    text,
  );
  const group = agents.find((agent) => agent === match?.[1]?.toLowerCase());
  if (group === undefined || !match?.[2]) return null;
  return { kind: 'say', group, text: match[2].trim(), attachment: null, isOwnTask: false };
}
