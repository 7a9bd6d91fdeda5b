import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import { type Agent, agentSchema, type CrewManifest } from '../core/contracts/agent.ts';
import { CalendarError, checkTiming } from '../workers/schedules/calendar.ts';

const CREW = fileURLToPath(new URL('../crew', import.meta.url));

/** An agent's folder is wrong; the message names the file and what to change. */
export class CrewError extends Error {
  override name = 'CrewError';
}

function readCharter(folder: string): string {
  const path = join(folder, 'CLAUDE.md');
  if (!existsSync(path)) throw new CrewError(`${path} is missing: every member needs a charter`);
  return `${readFileSync(path, 'utf8').trim()}\n`;
}

/** A schedule that is never due should be noticed here, not weeks later. */
function checkSchedule(path: string, schedule: Agent['schedules'][number]): void {
  try {
    checkTiming(schedule, Date.now());
  } catch (error) {
    if (!(error instanceof CalendarError)) throw error;
    throw new CrewError(`${path}: schedule ${schedule.id}: ${error.message}`);
  }
}

/** Reads every `crew/<name>/` that has an `agent.toml`, and the charter in `crew/global/`. Throws `CrewError`. */
export function readCrew(crew = CREW): CrewManifest {
  const names = readdirSync(crew, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(crew, entry.name, 'agent.toml')))
    .map((entry) => entry.name)
    .sort();
  const agents: CrewManifest['agents'] = {};
  for (const name of names) {
    const path = join(crew, name, 'agent.toml');
    const parsed = agentSchema.safeParse(parse(readFileSync(path, 'utf8')));
    if (!parsed.success) {
      const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      throw new CrewError(`${path}: ${issues.join('; ')}`);
    }
    for (const schedule of parsed.data.schedules) checkSchedule(path, schedule);
    agents[name] = { ...parsed.data, charter: readCharter(join(crew, name)) };
  }
  return { globalCharter: readCharter(join(crew, 'global')), agents };
}

export const formatManifest = (manifest: CrewManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

export const MANIFEST = join(CREW, 'manifest.json');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const manifest = readCrew();
  writeFileSync(MANIFEST, formatManifest(manifest));
  console.log(`crew/manifest.json: ${Object.keys(manifest.agents).join(', ')}`);
}
