import type { Command } from './command.ts';
import type { OperatorApi } from './operator-api.ts';
import { readOptions } from './options.ts';

interface Firing {
  id: string;
  cause: string;
  dueAt: string | null;
  at: string;
  status: string;
  target: string | null;
  note: string | null;
  endedAt: string | null;
}

interface Schedule {
  id: string;
  group: string | null;
  source: string;
  cron: string;
  timeZone: string;
  policy: string;
  active: boolean;
  paused: boolean;
  problem: string | null;
  task: { kind: string };
  lastFiredAt: string | null;
  lastResult: Pick<Firing, 'status' | 'note' | 'target'> | null;
  nextRuns: string[];
}

const ADD =
  'schedules add ID --cron "30 6 * * 1-5" [--zone Europe/Berlin] [--policy skip|latest|all] [--overlap skip|queue] [--jitter SECONDS] --group GROUP --ask TEXT [--priority 0-3] [--only-if failed_builds|open_incidents], or --kind check_pipelines';

export const schedules: Command = {
  usage: `schedules [show|pause|resume|run|token|remove ID]\n  ${ADD}`,
  async run(api, [word, ...args]) {
    if (word === undefined) return list(api);
    if (word === 'add') return add(api, args);
    const [id] = args;
    if (!id) throw new Error(`name the schedule: schedules ${word} ID`);
    const path = `/api/schedules/${encodeURIComponent(id)}`;
    switch (word) {
      case 'show':
        return show(await api.get<Schedule & { firings: Firing[] }>(path));
      case 'pause':
      case 'resume':
        await api.send('POST', `${path}/${word}`);
        return `${id} is ${word === 'pause' ? 'paused' : 'on again'}.`;
      case 'run': {
        const { status, firing } = await api.send<{ status: string; firing: string }>('POST', `${path}/run`);
        return `${firing}: ${status}. See: dogwatch schedules show ${id}`;
      }
      case 'token': {
        const { token } = await api.send<{ token: string }>('POST', `${path}/token`);
        return `${token}\nShown this once; an older token is void. POST ${path}/fire takes it as a Bearer token.`;
      }
      case 'remove':
        await api.send('DELETE', path);
        return `${id} is removed.`;
      default:
        throw new Error(
          `there is no "schedules ${word}"; there is show, pause, resume, run, token, remove, add`,
        );
    }
  },
};

async function list(api: OperatorApi): Promise<string> {
  const items = await api.list<Schedule>('/api/schedules');
  const width = Math.max(0, ...items.map(({ id }) => id.length));
  return items
    .map((item) => {
      const { id, cron, timeZone, lastResult, nextRuns } = item;
      const last = lastResult === null ? 'never' : lastResult.status;
      return `${id.padEnd(width)}  ${stateOf(item).padEnd(8)} ${cron.padEnd(14)} ${timeZone.padEnd(16)} next ${nextRuns[0] ?? '–'}  last ${last}`;
    })
    .join('\n');
}

function stateOf({ active, paused, problem }: Schedule): string {
  if (!active) return 'inactive';
  if (problem !== null) return 'broken';
  return paused ? 'paused' : 'on';
}

function show(schedule: Schedule & { firings: Firing[] }): string {
  const { firings, nextRuns, ...rest } = schedule;
  const lines = firings.map(
    ({ at, id, status, target, note }) =>
      `  ${at}  ${status.padEnd(8)} ${id}${target ? `  ${target}` : ''}${note ? `\n      ${note}` : ''}`,
  );
  return [
    JSON.stringify(rest, null, 2),
    `Next: ${nextRuns.join(', ') || 'never'}`,
    `Firings:${lines.length === 0 ? ' none' : ''}`,
    ...lines,
  ].join('\n');
}

async function add(api: OperatorApi, args: readonly string[]): Promise<string> {
  const { rest, values } = readOptions(args, {
    values: ['cron', 'zone', 'policy', 'overlap', 'jitter', 'group', 'ask', 'priority', 'only-if', 'kind'],
  });
  const [id] = rest;
  const { cron, zone, policy, overlap, jitter, group, ask, priority, kind, 'only-if': onlyIf } = values;
  if (!id || !cron || (ask === undefined) === (kind === undefined) || (onlyIf && !ask))
    throw new Error(`say ${ADD}`);
  const task =
    ask === undefined
      ? { kind }
      : {
          kind: 'agent',
          prompt: ask,
          ...(priority === undefined ? {} : { priority: Number(priority) }),
          ...(onlyIf === undefined ? {} : { onlyIf }),
        };
  const { status } = await api.send<{ status: string }>('PUT', `/api/schedules/${encodeURIComponent(id)}`, {
    cron,
    task,
    ...(zone === undefined ? {} : { timeZone: zone }),
    ...(policy === undefined ? {} : { policy }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(jitter === undefined ? {} : { jitterMs: Number(jitter) * 1_000 }),
    ...(group === undefined ? {} : { group }),
  });
  return `${id} is ${status}.`;
}
