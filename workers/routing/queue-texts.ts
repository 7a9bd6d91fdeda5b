import { html } from '../../core/text/plain.ts';
import type { Notice } from '../../durable-objects/group-queue-store.ts';

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
    case 'passed_on':
      return `Passed on to ${name}'s running session.`;
    case 'came_too_late':
      return `${name}'s session ended before it read this. It is a task of its own now${line && `: ${line}`}.`;
    case 'parked':
      return `Parked, it could not be handed to ${name}: ${html(notice.reason, 300)}\nIt is among the dead letters and can be replayed.`;
  }
}
