/** `npm run bench [-- --json]`: figures of this machine against the limits that we promise. Needs Docker. */
import { benchRunStart } from './run-start.ts';

const MAX_START_RATIO = 1.5;
const MAX_IDLE_MB = 150;

const asJson = process.argv.includes('--json');
const say = (line: string) => (asJson ? process.stderr : process.stdout).write(`${line}\n`);

const runStart = await benchRunStart(say);
const checks = [
  {
    name: 'start of a run against a bare docker run',
    value: runStart.medianOfRatios,
    limit: MAX_START_RATIO,
    unit: '×',
  },
  { name: 'idle runner, resident', value: runStart.idleResidentMb, limit: MAX_IDLE_MB, unit: 'MB' },
].map((check) => ({ ...check, ok: check.value <= check.limit }));

if (asJson) process.stdout.write(`${JSON.stringify({ checks, runStart }, null, 2)}\n`);
else
  for (const { ok, name, value, limit, unit } of checks)
    say(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${value} ${unit} (at most ${limit})`);
process.exit(checks.every(({ ok }) => ok) ? 0 : 1);
