import { runCrash } from '../test/load/crash.ts';
import { exitWhenWritten } from './exit-when-written.ts';
import { endWithUsage, readOptions } from './options.ts';

const USAGE = `npm run crash -- [--events N] [--kills N] [--seed S] [--json]
  workerd under load, killed again and again (default: 2000 events, 50 kills)`;

const values = readOptions(USAGE, {
  events: { type: 'string', default: '2000' },
  kills: { type: 'string', default: '50' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
});
const [events, kills, seed] = [values.events, values.kills, values.seed].map(Number);
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`);
if (![events, kills, seed].every((n) => Number.isSafeInteger(n) && (n ?? -1) >= 0))
  endWithUsage('N and S are whole numbers', USAGE);

const report = await runCrash({ events: events ?? 0, kills: kills ?? 0, seed: seed ?? 0, say });
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else {
  const { accepted, handled, incidents, duplicates, telegram, answers, restartMs, seconds } = report;
  say(`accepted ${accepted}, handled ${handled}, lost ${accepted - handled}`);
  say(`incidents ${incidents.opened} of ${incidents.expected}, resolved ${incidents.resolved}`);
  say(
    `twice at the twins: ${Object.entries(duplicates)
      .map(([what, n]) => `${what} ${n}`)
      .join(', ')}`,
  );
  say(
    `Telegram: ${telegram.messages} messages for ${telegram.decided} decided, ${telegram.twice} twice, ${telegram.marked} marked as repeated`,
  );
  say(
    `answers: ${Object.entries(answers)
      .map(([status, n]) => `${status === '0' ? 'none' : status} ${n}`)
      .join(', ')}`,
  );
  say(`restart ${restartMs.median} ms, at most ${restartMs.max} ms; ${seconds} s in all`);
  for (const problem of report.problems.slice(0, 20)) say(`FAIL ${problem}`);
}
await exitWhenWritten(report.problems.length === 0 ? 0 : 1);
