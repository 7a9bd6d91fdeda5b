import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { acquireDockerEngine } from './demo/docker-engine.ts';
import { scenarioNames } from './demo/scenarios/names.ts';
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
  return code === 0 ? { ...noCounts, passed: 1 } : { ...noCounts, failed: 1 };
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

async function demo(title: string, args: string[]): Promise<Counts> {
  console.log(`\n== demo: ${title}`);
  const code = await run(process.execPath, [join(root, 'scripts/demo.ts'), ...args]);
  return code === 0 ? { ...noCounts, passed: 1 } : { ...noCounts, failed: 1 };
}

/** The attack battery needs network namespaces of its own: root on Linux. Its rows count as tests. */
async function attack(): Promise<Counts> {
  console.log('\n== attack battery');
  const child = spawn(process.execPath, [join(root, 'scripts/attack.ts')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise<number>((done) => child.once('close', (status) => done(status ?? 1)));
  const counts = readCounts(output);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

let counts = await step('format and lint', ['lint']);
counts = add(counts, await step('types', ['types']));
counts = add(counts, await vitest('unit tests', ['node', 'workerd']));
counts = add(counts, await step('crashes under load', ['crash', '--', '--events', '200', '--kills', '5']));

const engine = await acquireDockerEngine(reports, console.log).catch((error: Error) => {
  console.error(error.message);
  return null;
});
if (engine) {
  counts = add(counts, await vitest('tests with Docker', ['docker']));
  for (const name of scenarioNames) counts = add(counts, await demo(name, ['--scenario', name]));
  counts = add(counts, await demo('a foreign repository', FOREIGN));
  if (process.getuid?.() === 0 && process.platform === 'linux') counts = add(counts, await attack());
  await engine.release();
} else {
  const left = 2 + scenarioNames.length;
  counts = add(counts, process.env.CI ? { ...noCounts, failed: left } : { ...noCounts, skipped: left });
}

console.log(`\n${formatCounts(counts)}`);
process.exit(counts.failed === 0 ? 0 : 1);
