import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { agentSchema } from '../core/contracts/agent.ts';
import { COMMAND_TABLE } from '../core/hosts/command-table.ts';

const here = new URL('.', import.meta.url);
const folders = readdirSync(here).filter((name) => statSync(new URL(name, here)).isDirectory());
const groups = folders.filter((name) => name !== 'global');
const text = (path: string) => readFileSync(new URL(path, here), 'utf8');
const agents = new Map(groups.map((group) => [group, agentSchema.parse(parse(text(`${group}/agent.toml`)))]));

/** Who has which right; a right that no list names must be held by nobody. */
const ACCESS: Record<'tools' | 'egress' | 'credentials' | 'hosts' | 'relay', Record<string, string[]>> = {
  tools: {
    read_log: ['ryan'],
    read_artifact: ['cody', 'ryan', 'sam'],
    relay: ['cody', 'ryan', 'sam'],
    report: ['cody', 'ryan', 'sam', 'team'],
    submit_fix: ['cody'],
    run_on_host: ['ryan', 'sam'],
    audit_search: ['ryan', 'sam', 'team'],
    checkpoint: ['cody', 'sam'],
    dispatch: ['team'],
    request: ['cody', 'sam', 'team'],
  },
  egress: {
    anthropic: ['cody', 'ryan', 'sam', 'team'],
    'azure-devops': ['ryan'],
    'status-page': ['sam'],
    dozzle: ['sam'],
    git: ['cody'],
    npm: ['cody'],
  },
  credentials: {
    anthropic: ['cody', 'ryan', 'sam', 'team'],
    'azure-devops-build-read': ['ryan'],
    'azure-devops-code': ['cody'],
    dozzle: ['sam'],
  },
  hosts: { 'build-agent': ['ryan'], staging: ['sam'] },
  relay: { cody: ['ryan', 'sam'], ryan: ['cody', 'sam'], sam: ['ryan'] },
};

function holders(kind: keyof typeof ACCESS): Record<string, string[]> {
  const held: Record<string, string[]> = {};
  for (const [group, agent] of agents) {
    for (const right of agent[kind]) held[right] = [...(held[right] ?? []), group].sort();
  }
  return held;
}

describe('access matrix', () => {
  it.each(Object.keys(ACCESS) as (keyof typeof ACCESS)[])('grants exactly the listed %s', (kind) => {
    expect(holders(kind)).toEqual(ACCESS[kind]);
  });

  it('lets agents write only to agents that exist, never to themselves', () => {
    for (const [group, agent] of agents) {
      for (const target of agent.relay) {
        expect(groups).toContain(target);
        expect(target).not.toBe(group);
      }
    }
  });

  it('gives a relay tool to exactly those who may write to somebody', () => {
    for (const agent of agents.values()) expect(agent.tools.includes('relay')).toBe(agent.relay.length > 0);
  });

  it('lets agents undo on hosts only what the table of commands knows as reversible', () => {
    const known = COMMAND_TABLE.filter((line) => line.class === 'reversible').map(({ name }) => name);
    for (const agent of agents.values()) {
      for (const name of agent.host_commands.reversible) expect(known).toContain(name);
      if (agent.hosts.length === 0) expect(agent.host_commands.reversible).toEqual([]);
    }
  });

  it('lets every agent with a container keep its work, and ask for what it may not do', () => {
    for (const agent of agents.values())
      if (agent.kind === 'heavy')
        expect(agent.tools).toEqual(expect.arrayContaining(['checkpoint', 'request']));
  });

  it('gives a host tool to exactly those who have a host', () => {
    for (const agent of agents.values())
      expect(agent.tools.includes('run_on_host')).toBe(agent.hosts.length > 0);
  });
});

describe('limits and identity', () => {
  it('holds every session to thirty minutes and a budget', () => {
    for (const agent of agents.values()) {
      expect(agent.limits.wallClockMs).toBeLessThanOrEqual(1_800_000);
      expect(agent.limits.budgetUsd).toBeGreaterThan(0);
      expect(agent.limits.maxConcurrentRuns).toBe(4);
    }
  });

  it('marks every author as an AI agent, each with an address of its own', () => {
    expect(agents.get('cody')?.identity.name).toBe('Cody Codewell (AI Agent)');
    const identities = [...agents.values()].map((agent) => agent.identity);
    for (const identity of identities) expect(identity.name).toMatch(/ \(AI Agent\)$|^Team \(AI Agent\)$/);
    expect(new Set(identities.map((identity) => identity.email)).size).toBe(agents.size);
  });

  it('refuses a field that the contract does not know', () => {
    const known = parse(text('cody/agent.toml'));
    expect(agentSchema.safeParse({ ...known, sudo: true }).success).toBe(false);
  });
});

describe('charters', () => {
  const sections = [
    'Who I am',
    'Principles',
    'Responsibilities',
    'Protocol',
    'Notifications',
    'Working agreements',
  ];

  it.each(groups)('%s has a whole one', (group) => {
    const charter = text(`${group}/CLAUDE.md`);
    for (const section of sections) expect(charter).toMatch(new RegExp(`^## ${section}`, 'm'));
  });

  it('stay within what a run request carries, together with the global one', () => {
    for (const group of groups) {
      expect((text('global/CLAUDE.md') + text(`${group}/CLAUDE.md`)).length).toBeLessThan(200_000);
    }
  });
});

describe('crew folders', () => {
  const files = [
    'README.md',
    ...folders.flatMap((folder) =>
      readdirSync(new URL(`${folder}/`, here)).map((file) => `${folder}/${file}`),
    ),
  ];

  it.each(files)('%s holds no secret and no way around one', (file) => {
    const content = text(file);
    expect(content).not.toMatch(
      /-----BEGIN|sk-ant-|ghp_|github_pat_|xox[bp]-|\b[0-9]{8,10}:[\w-]{35}\b|\b[a-z2-7]{52}\b/,
    );
    expect(content).not.toMatch(
      /StrictHostKeyChecking|UserKnownHostsFile|IdentityFile|id_(?:rsa|ed25519)|authorized_keys/i,
    );
    expect(content).not.toMatch(/\b(?:\d{1,3}\.){3}\d{1,3}\b|https?:\/\//);
    expect(content).not.toMatch(/(?:password|token|secret|api_?key)\s*[=:]\s*["']?\w/i);
  });

  it('hold charters and agent files only', () => {
    for (const file of files) expect(file).toMatch(/(?:README\.md|CLAUDE\.md|agent\.toml)$|\/skills\//);
  });
});
