import { exitWhenWritten } from '../scripts/exit-when-written.ts';
import { endWithUsage, readArguments } from '../scripts/options.ts';
import { benchFlood } from './flood.ts';
import { benchIdle } from './idle.ts';
import { benchIntake } from './intake.ts';
import { benchRunStart } from './run-start.ts';
import { benchWake } from './wake.ts';

const USAGE = `npm run bench -- [NAME …] [--hooks N] [--json]
  figures of this machine against the limits that we promise: run-start (needs Docker), intake, wake, idle, flood
  (default: all but the flood, which takes minutes; --hooks N makes it a smaller one)`;

interface Check {
  name: string;
  value: number;
  /** Null: shown, and not judged. */
  limit: { atMost: number } | { atLeast: number } | null;
  unit: string;
}

interface Bench {
  figures: unknown;
  checks: Check[];
}

type Say = (line: string) => void;

const { values: options, words } = readArguments(USAGE, {
  hooks: { type: 'string', default: '10000' },
  json: { type: 'boolean', default: false },
});
const hooks = Number(options.hooks);
if (!Number.isSafeInteger(hooks) || hooks < 1) endWithUsage('--hooks is a number of hooks', USAGE);
const say: Say = (line) => (options.json ? process.stderr : process.stdout).write(`${line}\n`);

const benches: Record<string, (say: Say) => Promise<Bench>> = {
  async 'run-start'(say) {
    const figures = await benchRunStart(say);
    return {
      figures,
      checks: [
        {
          name: 'start of a run against a bare docker run',
          value: figures.medianOfRatios,
          limit: { atMost: 1.5 },
          unit: '×',
        },
        { name: 'idle runner, resident', value: figures.idleResidentMb, limit: { atMost: 150 }, unit: 'MB' },
      ],
    };
  },
  async intake(say) {
    const figures = await benchIntake(say);
    return {
      figures,
      checks: [
        {
          name: 'hooks taken in, against bare inserts',
          value: figures.ratioAlone,
          limit: { atLeast: 0.6 },
          unit: '×',
        },
        {
          // Work that comes after intake, of which bare inserts have none, on the same cores.
          name: 'the same while those before are delivered',
          value: figures.ratio,
          limit: null,
          unit: '×',
        },
      ],
    };
  },
  async wake(say) {
    const figures = await benchWake(say);
    return {
      figures,
      checks: [
        {
          name: 'from a hook to its run, faster than polling',
          value: figures.times,
          limit: { atLeast: 20 },
          unit: '×',
        },
      ],
    };
  },
  async idle(say) {
    const figures = await benchIdle(say);
    return {
      figures,
      checks: [
        {
          name: 'rows of an idle minute, 10,000 open incidents against none',
          value: figures.ratio,
          limit: { atMost: 1.1 },
          unit: '×',
        },
      ],
    };
  },
  async flood(say) {
    const figures = await benchFlood(say, hooks);
    const { answers, unhelpful, lost, growth } = figures;
    const strange = Object.entries(answers).filter(([status]) => !['202', '503'].includes(status));
    return {
      figures,
      checks: [
        { name: 'hooks accepted and lost', value: lost, limit: { atMost: 0 }, unit: '' },
        {
          name: 'answers that are neither 2xx nor 503 with Retry-After',
          value: unhelpful + strange.reduce((sum, [, n]) => sum + n, 0),
          limit: { atMost: 0 },
          unit: '',
        },
        ...Object.entries({ 'resident memory per object': growth.perObject, heap: growth.heap }).map(
          ([what, value]): Check => ({
            name: `${what} in the second half of the flood against the first`,
            value,
            limit: { atMost: 1.25 },
            unit: '×',
          }),
        ),
      ],
    };
  },
};

function isMet({ value, limit }: Check): boolean {
  if (limit === null) return true;
  return 'atMost' in limit ? value <= limit.atMost : value >= limit.atLeast;
}

function formatCheck({ name, value, limit, unit }: Check): string {
  if (limit === null) return `     ${name}: ${value} ${unit}`;
  const words = 'atMost' in limit ? `at most ${limit.atMost}` : `at least ${limit.atLeast}`;
  return `${isMet({ name, value, limit, unit }) ? 'ok  ' : 'FAIL'} ${name}: ${value} ${unit} (${words})`;
}

const unknown = words.find((name) => !(name in benches));
if (unknown !== undefined) endWithUsage(`there is no bench ${unknown}`, USAGE);

const figures: Record<string, unknown> = {};
const checks: (Check & { ok: boolean })[] = [];
for (const name of words.length > 0 ? words : Object.keys(benches).filter((one) => one !== 'flood')) {
  say(`== ${name}`);
  const bench = await benches[name]?.(say);
  if (!bench) continue;
  figures[name] = bench.figures;
  checks.push(...bench.checks.map((check) => ({ ...check, ok: isMet(check) })));
}

if (options.json) process.stdout.write(`${JSON.stringify({ checks, ...figures }, null, 2)}\n`);
else {
  say(JSON.stringify(figures, null, 2));
  for (const check of checks) say(formatCheck(check));
}
await exitWhenWritten(checks.every(({ ok }) => ok) ? 0 : 1);
