import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { CrewError, formatManifest, MANIFEST, readCrew } from './crew-manifest.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const toml = (name: string): string => `
name = "${name}"
role = "Tester"
trigger = "@${name}"
tier = "cheap"
mode = "copilot"
tools = []
routes = ["anthropic"]
credentials = []
hosts = []
schedules = []
[identity]
name = "T"
email = "t@example.com"
[limits]
budget_usd = 1
max_turns = 5
timeout_minutes = 5
max_output_tokens = 1000
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
  const { agents, globalCharter } = readCrew(crewWith(toml('maya')));
  expect(agents.maya).toMatchObject({ tier: 'cheap', charter: '# maya\n' });
  expect(globalCharter).toBe('# global\n');
});

test('a folder whose name the agent does not carry is refused', () => {
  expect(() => readCrew(crewWith(toml('ryan')))).toThrow(CrewError);
});

test('an unknown setting is refused by name', () => {
  expect(() => readCrew(crewWith(`colour = "red"\n${toml('maya')}`))).toThrow(/colour/);
});
