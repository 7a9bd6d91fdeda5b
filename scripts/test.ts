import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { acquireDockerEngine } from './demo/docker-engine.ts';
import { type ScenarioName, scenarioNames } from './demo/scenarios/names.ts';
import { root } from './dev/worker-process.ts';
import { exitWhenWritten } from './exit-when-written.ts';
import { formatCounts, noCounts, readCounts, type VitestReport } from './test/counts.ts';
import {
  formatFailures,
  type Outcome,
  outcomeOfBattery,
  outcomeOfProgram,
  outcomeOfVitest,
  together,
} from './test/outcome.ts';

/** `npm test`: everything there is. Without a Docker engine its tests are skipped, and in CI that is a failure. */

const reports = join(root, '.dogwatch/test');
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

const OUTPUT_GRACE_MS = 5_000;

interface Ended {
  code: number;
  /** All that it printed. */
  output: string;
}

function run(
  command: string,
  args: string[],
  show = (text: string): unknown => process.stdout.write(text),
): Promise<Ended> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (text: string): void => {
    output += text;
    show(text);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  return new Promise((done) => {
    const end = (code: number | null) => done({ code: code ?? 1, output });
    child.once('close', end);
    // What a program leaves running holds its output open for ever.
    child.once('exit', (code) => setTimeout(end, OUTPUT_GRACE_MS, code));
  });
}

async function step(title: string, args: string[]): Promise<Outcome> {
  console.log(`\n== ${title}`);
  const { code, output } = await run('npm', ['run', '--silent', ...args]);
  return outcomeOfProgram(title, code, output);
}

async function vitest(title: string, projects: string[]): Promise<Outcome> {
  console.log(`\n== ${title}`);
  const report = join(reports, `${projects.join('-')}.json`);
  const args = projects.flatMap((project) => ['--project', project]);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run('npx', ['vitest', 'run', ...args, ...reporters]);
  return outcomeOfVitest(title, code, readReport(report));
}

function readReport(path: string): VitestReport | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** A repository that is nothing like the sample, with a patch that is not from `git format-patch`. */
const FOREIGN = ['--repo', 'examples/queue-js', '--defect', 'examples/defects/queue-js.patch'];

const demoArguments = (args: string[]): string[] => [join(root, 'scripts/demo.ts'), ...args];

async function demo(title: string, args: string[]): Promise<Outcome> {
  console.log(`\n== demo: ${title}`);
  const { code, output } = await run(process.execPath, demoArguments(args));
  return outcomeOfProgram(`demo: ${title}`, code, output);
}

/** Waits for a lease to end, for most of its five minutes: it is played beside the others, and told after them. */
const LONG: ScenarioName = 'failover';

async function demos(): Promise<Outcome> {
  const long = run(process.execPath, demoArguments(['--scenario', LONG]), () => {});
  const outcomes: Outcome[] = [];
  for (const name of scenarioNames) if (name !== LONG) outcomes.push(await demo(name, ['--scenario', name]));
  outcomes.push(await demo('a foreign repository', FOREIGN));
  const { code, output } = await long;
  console.log(`\n== demo: ${LONG}\n${output}`);
  return together([...outcomes, outcomeOfProgram(`demo: ${LONG}`, code, output)]);
}

/** The attack battery needs network namespaces of its own: root on Linux. Its rows count as tests. */
async function attack(): Promise<Outcome> {
  const title = 'attack battery';
  console.log(`\n== ${title}`);
  const { code, output } = await run(process.execPath, [join(root, 'scripts/attack.ts')]);
  const isFailure = (line: string): boolean => /\b(LEAK|DEAD)\b/.test(line);
  return outcomeOfBattery(title, code, { counts: readCounts(output), output }, isFailure);
}

async function withDocker(): Promise<Outcome> {
  const engine = await acquireDockerEngine(reports, console.log).catch((error: Error) => error);
  if (engine instanceof Error) {
    console.error(engine.message);
    const left = 2 + scenarioNames.length;
    if (!process.env.CI) return { counts: { ...noCounts, skipped: left }, failures: [] };
    const failures = [{ name: 'Docker', said: engine.message }];
    return { counts: { ...noCounts, failed: left }, failures };
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void engine.release().finally(() => process.exit(1)));
  const outcomes = [await vitest('tests with Docker', ['docker']), await demos()];
  if (process.getuid?.() === 0 && process.platform === 'linux') outcomes.push(await attack());
  await engine.release();
  return together(outcomes);
}

const { counts, failures } = together([
  await step('format and lint', ['lint']),
  await step('types', ['types']),
  await vitest('unit tests', ['node', 'workerd']),
  await step('five hundred worlds', ['simulate', '--', '--seeds', '500']),
  await step('crashes under load', ['crash', '--', '--events', '200', '--kills', '5']),
  await withDocker(),
]);

if (failures.length > 0) console.log(`\n${formatFailures(failures)}`);
console.log(`\n${formatCounts(counts)}`);
await exitWhenWritten(counts.failed === 0 ? 0 : 1);
