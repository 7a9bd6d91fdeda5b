import { html } from '../../core/text/plain.ts';
import type { WeekFacts } from './weekly-facts.ts';

const DAY_MS = 86_400_000;
const MAX_AGENTS = 3;
const ENDS = ['resolved', 'explained', 'escalated', 'aborted'];

/** Actions that say nothing of what the crew did or met: the log looking after itself. */
const HOUSEKEEPING = ['audit_root'];

const day = (atMs: number): string =>
  new Date(atMs).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const usd = (microUsd: number): string => `$${(microUsd / 1_000_000).toFixed(2)}`;

function sum(actions: Record<string, number>, wanted: RegExp): number {
  return Object.entries(actions)
    .filter(([action]) => wanted.test(action))
    .reduce((total, [, n]) => total + n, 0);
}

/** `3 a, 1 b`, without the ones that are nought; null when all are. */
function list(parts: [n: number, many: string, one?: string][]): string | null {
  const told = parts.filter(([n]) => n > 0).map(([n, many, one]) => `${n} ${n === 1 ? (one ?? many) : many}`);
  return told.length === 0 ? null : told.join(', ');
}

/**
 * The week as a post for a phone, in Telegram HTML. Null for a week in which nothing happened: nobody needs to
 * read that, and whether Dogwatch lives is what the heartbeat says.
 */
export function weeklyText(facts: WeekFacts): string | null {
  const { actions, ends, deadLetters, agents } = facts;
  const happened = Object.keys(actions).filter((action) => !HOUSEKEEPING.includes(action));
  if (happened.length === 0 && agents.length === 0) return null;
  const done = list([
    [sum(actions, /^event_accepted$/), 'events in', 'event in'],
    [sum(actions, /^run_started$/), 'agent sessions', 'agent session'],
    [sum(actions, /^tool$/), 'tool calls', 'tool call'],
    [sum(actions, /^telegram_send$/), 'messages out', 'message out'],
    [
      sum(actions, /^(approval_recorded|stop|resume|relay_route_\w+|\w+_replay(ed)?)$/),
      'decisions by people',
      'decision by people',
    ],
  ]);
  const opened = actions.episode_started ?? 0;
  const ended = list(ENDS.map((status) => [ends[status] ?? 0, status]));
  const refused = list([
    [sum(actions, /_unauthorized$/), 'wrong secrets (401)', 'wrong secret (401)'],
    [sum(actions, /^stranger_ignored$/), 'strangers', 'stranger'],
    [sum(actions, /^relay_refused$/), 'relays', 'relay'],
    [sum(actions, /^intent_refused$/) + facts.refusedPushes, 'fixes or pushes', 'fix or push'],
    [sum(actions, /^event_refused$/), 'events', 'event'],
    [facts.deniedTools, 'commands', 'command'],
  ]);
  const spent = agents.reduce((total, { microUsd }) => total + microUsd, 0);
  const top = agents
    .slice(0, MAX_AGENTS)
    .map(
      ({ group, runs, microUsd }) =>
        `${html(group, 30)} ${usd(microUsd)} (${runs} ${runs === 1 ? 'run' : 'runs'})`,
    );
  return [
    `<b>Week in review</b>, ${day(facts.fromMs)} – ${day(facts.toMs - DAY_MS / 2)}`,
    `Incidents: ${opened} opened${ended ? `; ${ended}` : ''}`,
    ...(done ? [`Done: ${done}`] : []),
    `Refused: ${refused ?? 'nothing'}`,
    `Dead letters: ${deadLetters.new} new, ${deadLetters.open} waiting`,
    `Cost: ${usd(spent)}${top.length > 0 ? `; ${top.join(', ')}` : ''}`,
  ].join('\n');
}
