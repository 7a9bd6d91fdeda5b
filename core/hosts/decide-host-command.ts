import type { HostCommandClass, HostFailure, HostRights, RunOnHost } from '../contracts/host-command.ts';
import { classifyCommand } from './classify-command.ts';
import { COMMAND_TABLE, type CommandLine } from './command-table.ts';
import type { HostLists } from './words.ts';

export const RATE_WINDOW_MS = 10 * 60_000;
/** Three restarts in ten minutes help; a fourth only hides that they do not. */
export const DEFAULT_REVERSIBLE_PER_WINDOW = 3;

/** What is known when a command is asked for. */
export interface HostSituation {
  group: string;
  /** As the run request says. */
  rights: HostRights;
  /** As the runner's settings say; null when they have no host of that name. */
  host: (HostLists & { groups: readonly string[]; reversiblePer10Minutes: number }) | null;
  /** When reversible commands were executed on this host, by anybody. */
  reversibleAtMs: readonly number[];
  nowMs: number;
}

export type HostDecision =
  | { kind: 'execute'; class: 'read' | 'reversible'; command: string }
  | { kind: 'ask_permission'; class: 'irreversible'; command: string }
  | { kind: 'refuse'; class: HostCommandClass; command: string | null; code: HostFailure; reason: string };

const examples = (lines: readonly CommandLine[]): string => lines.map(({ example }) => example).join('; ');

/** What this group could do instead, for a refusal that helps. */
export function possibleCommands(rights: HostRights, lines: readonly CommandLine[] = COMMAND_TABLE): string {
  const of = (type: CommandLine['class']) => lines.filter((line) => line.class === type);
  const parts = [
    ['Free', of('read')],
    [
      'Allowed, a few in ten minutes',
      of('reversible').filter(({ name }) => rights.reversible.includes(name)),
    ],
    ['With a permission', of('irreversible')],
  ] as const;
  return parts
    .filter(([, some]) => some.length > 0)
    .map(([title, some]) => `${title}: ${examples(some)}.`)
    .join(' ');
}

/** Whether a command is executed, waits for permission, or is refused and why. */
export function decideHostCommand(asked: RunOnHost, situation: HostSituation): HostDecision {
  const { rights, host, group, nowMs } = situation;
  const refuse = (
    code: HostFailure,
    reason: string,
    type: HostCommandClass = 'unlisted',
    command: string | null = null,
  ): HostDecision => ({ kind: 'refuse', class: type, command, code, reason });

  if (!rights.hosts.includes(asked.host) || (host !== null && !host.groups.includes(group))) {
    const mine = rights.hosts.join(', ') || 'none';
    return refuse('host_not_allowed', `"${asked.host}" is not a host of ${group}. Its hosts: ${mine}.`);
  }
  if (host === null) return refuse('unknown_host', `This runner knows no host "${asked.host}".`);

  const classified = classifyCommand(asked.argv, host);
  if (classified.class === 'unlisted') {
    const { nearest } = classified;
    const possible = possibleCommands(rights, nearest.length > 0 ? nearest : COMMAND_TABLE);
    return refuse('unlisted', `This is not in the list of commands, in exactly this form. ${possible}`);
  }
  const { command } = classified;
  if (classified.class === 'read') return { kind: 'execute', class: 'read', command };
  if (classified.class === 'irreversible') return { kind: 'ask_permission', class: 'irreversible', command };
  if (!rights.reversible.includes(command)) {
    const mine = rights.reversible.join(', ') || 'none';
    return refuse(
      'not_listed_for_group',
      `${group} may not use "${command}". Of its kind it may use: ${mine}.`,
      'reversible',
      command,
    );
  }
  const recent = situation.reversibleAtMs.filter((at) => at > nowMs - RATE_WINDOW_MS);
  if (recent.length >= host.reversiblePer10Minutes) {
    const waitS = Math.ceil((Math.min(...recent) + RATE_WINDOW_MS - nowMs) / 1_000);
    return refuse(
      'rate_limited',
      `${host.reversiblePer10Minutes} such commands were executed on ${asked.host} in ten minutes; the next is possible in ${waitS} s. If they did not help, find out why.`,
      'reversible',
      command,
    );
  }
  return { kind: 'execute', class: 'reversible', command };
}
