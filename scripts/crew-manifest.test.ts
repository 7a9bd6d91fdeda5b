import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { CrewError, formatManifest, MANIFEST, readCrew } from './crew-manifest.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const TOML = `
name = "Maya"
title = "Tester"
kind = "light"
mode = "copilot"
tier = "cheap"
tools = []
egress = ["anthropic"]
credentials = []
hosts = []
relay = []
never_promote = []
[identity]
name = "Maya (AI Agent)"
email = "maya@agents.dogwatch.invalid"
[limits]
wallClockMs = 60000
maxTurns = 5
budgetUsd = 0.5
maxConcurrentRuns = 1
`;

function crewWith(agentToml: string): string {
  const crew = mkdtempSync(join(tmpdir(), 'crew-'));
  folders.push(crew);
  for (const name of ['global', 'maya']) {
    mkdirSync(join(crew, name));
    writeFileSync(join(crew, name, 'CLAUDE.md'), `# ${name}\n`);
  }
  writeFileSync(join(crew, 'maya', 'agent.toml'), agentToml);
  return crew;
}

test('the committed manifest is what the crew folders say; otherwise run: npm run crew', () => {
  expect(readFileSync(MANIFEST, 'utf8')).toBe(formatManifest(readCrew()));
});

test('a new folder is a new agent', () => {
  const { agents, globalCharter } = readCrew(crewWith(TOML));
  expect(agents.maya).toMatchObject({ tier: 'cheap', charter: '# maya\n' });
  expect(globalCharter).toBe('# global\n');
});

test('an unknown setting is refused by name', () => {
  expect(() => readCrew(crewWith(`colour = "red"\n${TOML}`))).toThrow(CrewError);
});

test('a schedule that cannot be is refused with the way out', () => {
  const withSchedule = (schedule: string) => () =>
    readCrew(crewWith(`${TOML}[[schedules]]\nid = "early"\n${schedule}`));
  expect(withSchedule('cron = "daily"\ntask = "look"')).toThrow(/schedule early: .*as in/);
  expect(withSchedule('cron = "0 6 * * *"\ntimeZone = "Berlin"\ntask = "look"')).toThrow(/IANA/);
  expect(withSchedule('cron = "0 6 * * *"')).toThrow(/task is what an agent is asked/);
  expect(withSchedule('cron = "0 6 * * *"\ntask = "look"')().agents.maya?.schedules).toMatchObject([
    { id: 'early', kind: 'agent', policy: 'latest', overlap: 'skip', timeZone: 'UTC', priority: 2 },
  ]);
});
