import { readFile } from 'node:fs/promises';
import { narrate } from '../demo/narrate.ts';
import { verifyAudit } from './audit-verify.ts';
import { backup, restoreCommand } from './backup.ts';
import { budget } from './budget.ts';
import type { Command } from './command.ts';
import { deadLetters, retry } from './dead-letters.ts';
import { forget } from './forget.ts';
import { cancel, messages } from './group-messages.ts';
import type { OperatorApi } from './operator-api.ts';
import { redecide } from './redecide.ts';
import { relay, relayRoutes } from './relay-routes.ts';
import { rerun } from './rerun.ts';
import { runners } from './runners.ts';
import { schedules } from './schedules.ts';
import { resume, stop } from './stop.ts';

interface IncidentRow {
  id: string;
  status: string;
  title: string;
  updatedAt: string;
}

interface IncidentDetail {
  id: string;
  key: string;
  status: string;
  episode: number;
  evidence: unknown;
  state: unknown;
  journal: { seq: number; at: string; type: string; data: unknown }[];
  outbox: { key: string; kind: string; state: string; tries: number; error: string | null }[];
}

interface ArtifactLine {
  at: string;
  kind: string;
  name: string;
  version: number;
  sizeBytes: number;
  producedBy: string;
  sha256: string;
}

interface ApprovalLine {
  id: string;
  state: string;
  kind: string;
  askedAt: string;
  title: string | null;
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);

function argument(args: string[], name: string): string {
  const [value] = args;
  if (!value) throw new Error(`${name} is missing`);
  return value;
}

const detailOf = (api: OperatorApi, args: string[]): Promise<IncidentDetail> =>
  api.get<IncidentDetail>(`/api/incidents/${encodeURIComponent(argument(args, 'the incident id'))}`);

function verdict(word: 'approve' | 'deny'): Command {
  return {
    usage: `${word} APPROVAL`,
    async run(api, args) {
      const id = argument(args, 'the approval id');
      await api.send('POST', `/api/approvals/${encodeURIComponent(id)}/${word}`);
      return `${word === 'approve' ? 'Approved' : 'Denied'} ${id}.`;
    },
  };
}

export const commands: Record<string, Command> = {
  status: { usage: 'status', run: async (api) => json(await api.get('/api/status')) },
  incidents: {
    usage: 'incidents [STATE]',
    async run(api, [state]) {
      const items = await api.list<IncidentRow>(
        `/api/incidents${state ? `?state=${encodeURIComponent(state)}` : ''}`,
      );
      if (items.length === 0) return 'No incidents.';
      return items
        .map(({ id, status, title, updatedAt }) => `${id}  ${status.padEnd(14)} ${updatedAt}  ${title}`)
        .join('\n');
    },
  },
  show: {
    usage: 'show INCIDENT',
    async run(api, args) {
      const { id, key, status, episode, evidence, state, outbox } = await detailOf(api, args);
      return json({ id, key, status, episode, evidence, state, outbox });
    },
  },
  journal: {
    usage: 'journal INCIDENT',
    async run(api, args) {
      const { journal } = await detailOf(api, args);
      return journal
        .map((entry) => {
          const line = narrate(entry);
          const what = line ? `${line.who}: ${line.text.split('\n')[0]}` : effectOf(entry.data);
          return `${String(entry.seq).padStart(5)}  ${entry.at}  ${entry.type.padEnd(20)} ${what}`;
        })
        .join('\n');
    },
  },
  log: {
    usage: 'log INCIDENT     (the complete log of the failed step)',
    async run(api, args) {
      const { evidence } = await detailOf(api, args);
      const { log } = (evidence ?? {}) as { log?: { sha256: string } | null };
      if (!log) throw new Error('no log is kept for it');
      return api.text(`/api/artifacts/${log.sha256}`);
    },
  },
  replay: {
    usage: 'replay INCIDENT',
    async run(api, args) {
      const id = argument(args, 'the incident id');
      const replay = await api.send<{ identical: boolean; entries: number; sha256: string }>(
        'POST',
        `/api/incidents/${encodeURIComponent(id)}/replay`,
      );
      if (!replay.identical) throw new Error(`the replay of ${replay.entries} entries reached another state`);
      return `Identical, byte for byte: ${replay.entries} entries, state sha256 ${replay.sha256}`;
    },
  },
  redecide,
  abort: {
    usage: 'abort INCIDENT   (it ends by your hand: its run, its turn in the line, its pull request)',
    async run(api, args) {
      const id = argument(args, 'the incident id');
      await api.send('POST', `/api/incidents/${encodeURIComponent(id)}/abort`);
      return `Aborted ${id}.`;
    },
  },
  'dead-letters': deadLetters,
  retry,
  'relay-routes': relayRoutes,
  relay,
  backup,
  restore: restoreCommand,
  schedules,
  'dry-run': {
    usage: 'dry-run FILE   (a hook body, or { source, headers, body })',
    async run(api, args) {
      const content: unknown = JSON.parse(await readFile(argument(args, 'the file'), 'utf8'));
      const isRequest =
        typeof content === 'object' && content !== null && 'source' in content && 'body' in content;
      const request = isRequest ? content : { source: 'azure-devops', headers: {}, body: content };
      return json(await api.send('POST', '/api/dry-run', request));
    },
  },
  'audit-verify': {
    usage: 'audit-verify [CHAIN]   (an incident, a run, inbox-0 …; all of them)',
    run: (api, [chain]) => verifyAudit(api, chain),
  },
  artifacts: {
    usage: 'artifacts INCIDENT',
    async run(api, args) {
      const id = argument(args, 'the incident id');
      const items = await api.list<ArtifactLine>(`/api/artifacts?incident=${encodeURIComponent(id)}`);
      return items
        .map(
          ({ at, kind, name, version, sizeBytes, producedBy, sha256 }) =>
            `${at}  ${kind.padEnd(10)} ${`${name} v${version}`.padEnd(28)} ${String(sizeBytes).padStart(9)} B  ${producedBy}  ${sha256}`,
        )
        .join('\n');
    },
  },
  rerun: {
    usage: 'rerun RUN   (the same task in the same image; nothing comes of it)',
    run: (api, args) => rerun(api, argument(args, 'the run id')),
  },
  ask: {
    usage: 'ask GROUP TEXT…   (a task for a group’s agent; its answer is in the group’s chat and incident)',
    async run(api, [group, ...words]) {
      if (!group || words.length === 0) throw new Error('say whom to ask, and what');
      const path = `/api/groups/${encodeURIComponent(group)}/tasks`;
      const { incident } = await api.send<{ incident: string }>('POST', path, { text: words.join(' ') });
      return `Asked ${group}: ${incident}`;
    },
  },
  messages,
  cancel,
  forget,
  approvals: {
    usage: 'approvals [STATE]   (waiting, approved, denied, expired, withdrawn)',
    async run(api, [state]) {
      const items = await api.list<ApprovalLine>(
        `/api/approvals${state ? `?state=${encodeURIComponent(state)}` : ''}`,
      );
      if (items.length === 0) return 'No approvals.';
      return items
        .map(
          ({ id, state, kind, askedAt, title }) =>
            `${id}  ${state.padEnd(9)} ${askedAt}  ${kind}  ${title ?? ''}`,
        )
        .join('\n');
    },
  },
  approve: verdict('approve'),
  deny: verdict('deny'),
  runners,
  budget,
  stop,
  resume,
};

function effectOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return '';
  const { kind, status, type } = data as Record<string, unknown>;
  return [kind, status, type].filter((part) => typeof part === 'string').join(' ');
}

export const usage = `npm run dogwatch -- COMMAND
${Object.values(commands)
  .map((command) => `  ${command.usage}`)
  .join('\n')}

DOGWATCH_URL (default http://127.0.0.1:8787) and OPERATOR_TOKEN come from the environment or .dev.vars.`;
