import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { acquireDockerEngine } from './demo/docker-engine.ts';
import { type ScenarioName, scenarioNames } from './demo/scenarios/names.ts';
import { root } from './dev/worker-process.ts';
import { add, type Counts, countsOf, formatCounts, noCounts, readCounts } from './test/counts.ts';

/** `npm test`: everything there is. Without a Docker engine its tests are skipped, and in CI that is a failure. */

const reports = join(root, '.dogwatch/test');
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

function run(command: string, args: string[]): Promise<number> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((done) => child.once('exit', (code) => done(code ?? 1)));
}

async function step(title: string, args: string[]): Promise<Counts> {
  console.log(`\n== ${title}`);
  const code = await run('npm', ['run', '--silent', ...args]);
  return counted(code);
}

async function vitest(title: string, projects: string[]): Promise<Counts> {
  console.log(`\n== ${title}`);
  const report = join(reports, `${projects.join('-')}.json`);
  const args = projects.flatMap((project) => ['--project', project]);
  const code = await run('npx', [
    'vitest',
    'run',
    ...args,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  try {
    const counts = countsOf(JSON.parse(readFileSync(report, 'utf8')));
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } catch {
    return { ...noCounts, failed: 1 };
  }
}

/** A repository that is nothing like the sample, with a patch that is not from `git format-patch`. */
const FOREIGN = ['--repo', 'examples/queue-js', '--defect', 'examples/defects/queue-js.patch'];

const demoArguments = (args: string[]): string[] => [join(root, 'scripts/demo.ts'), ...args];

const counted = (code: number): Counts =>
  code === 0 ? { ...noCounts, passed: 1 } : { ...noCounts, failed: 1 };

async function demo(title: string, args: string[]): Promise<Counts> {
  console.log(`\n== demo: ${title}`);
  return counted(await run(process.execPath, demoArguments(args)));
}

/** Its code and all that it printed. */
async function captured(
  args: string[],
  show: (text: string) => void,
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (text: string): void => {
    output += text;
    show(text);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const code = await new Promise<number>((done) => child.once('close', (status) => done(status ?? 1)));
  return { code, output };
}

/** Waits for a lease to end, for most of its five minutes: it is played beside the others, and told after them. */
const LONG: ScenarioName = 'failover';

async function demos(): Promise<Counts> {
  const long = captured(demoArguments(['--scenario', LONG]), () => {});
  let sum = noCounts;
  for (const name of scenarioNames) if (name !== LONG) sum = add(sum, await demo(name, ['--scenario', name]));
  sum = add(sum, await demo('a foreign repository', FOREIGN));
  const { code, output } = await long;
  console.log(`\n== demo: ${LONG}\n${output}`);
  return add(sum, counted(code));
}

/** The attack battery needs network namespaces of its own: root on Linux. Its rows count as tests. */
async function attack(): Promise<Counts> {
  console.log('\n== attack battery');
  const { code, output } = await captured([join(root, 'scripts/attack.ts')], (text) =>
    process.stdout.write(text),
  );
  const counts = readCounts(output);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

let counts = await step('format and lint', ['lint']);
counts = add(counts, await step('types', ['types']));
counts = add(counts, await vitest('unit tests', ['node', 'workerd']));
counts = add(counts, await step('five hundred worlds', ['simulate', '--', '--seeds', '500']));
counts = add(counts, await step('crashes under load', ['crash', '--', '--events', '200', '--kills', '5']));

const engine = await acquireDockerEngine(reports, console.log).catch((error: Error) => {
  console.error(error.message);
  return null;
});
if (engine) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void engine.release().finally(() => process.exit(1)));
  counts = add(counts, await vitest('tests with Docker', ['docker']));
  counts = add(counts, await demos());
  if (process.getuid?.() === 0 && process.platform === 'linux') counts = add(counts, await attack());
  await engine.release();
} else {
  const left = 2 + scenarioNames.length;
  counts = add(counts, process.env.CI ? { ...noCounts, failed: left } : { ...noCounts, skipped: left });
}

console.log(`\n${formatCounts(counts)}`);
process.exit(counts.failed === 0 ? 0 : 1);
