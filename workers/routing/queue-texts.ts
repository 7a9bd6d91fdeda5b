import { html } from '../../core/text/plain.ts';
import type { Notice } from '../../durable-objects/group-queue/group-queue-notices.ts';
import type { CancelAnswer } from '../../durable-objects/group-queue/group-queue-rpc.ts';

const ORDINALS = new Intl.PluralRules('en', { type: 'ordinal' });
const SUFFIXES: Record<string, string> = { one: 'st', two: 'nd', few: 'rd', other: 'th' };

const ordinal = (n: number): string => `${n}${SUFFIXES[ORDINALS.select(n)] ?? 'th'}`;

/** What a person hears of a message, as Telegram HTML. `position`: in the line; null where it waits no more. */
export function noticeText(notice: Notice, agent: string, position: number | null): string | null {
  const name = html(agent, 40);
  const line = position === null ? '' : `${ordinal(position)} in line for ${name}`;
  switch (notice.what) {
    case 'queued':
      return position === null ? null : `Queued: ${line}.`;
    case 'no_slot':
      return `${name} waits for a free session: ${ordinal(notice.position)} in line.`;
    case 'passed_on':
      return `Passed on to ${name}'s running session.`;
    case 'came_too_late':
      return `${name}'s session ended before it read this. It is a task of its own now${line && `: ${line}`}.`;
    case 'parked':
      return `Parked, it could not be handed to ${name}: ${html(notice.reason, 300)}\nIt is among the dead letters and can be replayed.`;
  }
}

/** The answer to /cancel. */
export function cancelText(answer: CancelAnswer, group: string): string {
  switch (answer.status) {
    case 'canceled':
      return `Canceled: “${html(answer.text, 80)}”`;
    case 'canceling':
      return `Canceling: “${html(answer.text, 80)}” – its session is being ended.`;
    case 'too_late':
      return `Too late: it was passed on to ${html(group, 40)}'s session already.`;
    case 'unknown':
      return `Nothing of yours waits or runs with ${html(group, 40)} from this chat.`;
  }
}
