/** Which command failed, and running it. */
import type { FailureReport } from '../failure-report.ts';
import { readFailure } from '../failure-report.ts';
import type { Plan } from '../plan.ts';
import type { Facts } from '../recognise-task.ts';
import type { Repository } from './look.ts';
import { bash, boundedRun, parseBoundedRun, runTimeoutMs } from './shell.ts';

export function* run(
  command: string,
  root: string,
  remark: string,
  around = { before: [] as string[], after: [] as string[] },
): Plan<FailureReport> {
  const outcome = yield* bash(boundedRun(command, remark, around), remark, runTimeoutMs);
  const { output, exitCode } = parseBoundedRun(outcome);
  return readFailure(output, exitCode, root);
}

/** The commands worth trying when the prompt does not name the one that failed: the step's own first. */
export function guessCommands(facts: Facts, repository: Repository): string[] {
  const step = facts.failedStep?.toLowerCase() ?? '';
  const names = Object.keys(repository.scripts);
  const usual = ['test', 'lint', 'typecheck', 'type-check', 'types', 'build', 'check'];
  const ofStep = names.filter((name) => step !== '' && step.includes(name.toLowerCase()));
  const ordered = [...new Set([...ofStep, ...usual.filter((name) => names.includes(name))])];
  return ordered.map((name) => scriptCommand(name));
}

export function scriptCommand(name: string): string {
  return name === 'test' ? 'npm test' : `npm run ${name}`;
}

/** Scripts that a pipeline is likely to run besides: the fix must not break them. */
export function otherChecks(repository: Repository, failedCommand: string): string[] {
  const wanted = ['typecheck', 'type-check', 'types', 'lint', 'format:check', 'build', 'test'];
  return wanted
    .filter(
      (name) =>
        repository.scripts[name] !== undefined &&
        !/watch|serve|no test specified/.test(repository.scripts[name] ?? ''),
    )
    .map(scriptCommand)
    .filter((command) => !runsSame(failedCommand, command));
}

function runsSame(failedCommand: string, command: string): boolean {
  const name = command.replace(/^npm (run )?/, '');
  return new RegExp(`\\b(npm|yarn|pnpm)( run)? ${name}\\b`).test(failedCommand);
}

/** Installs what is declared when nothing is installed. `undefined`: there was nothing to do. */
export function* installIfNeeded(
  repository: Repository,
  failedCommand: string | undefined,
): Plan<FailureReport | undefined> {
  const installs = /\b(npm (ci|i|install)|yarn( install)?$|pnpm (i|install))\b/.test(failedCommand ?? '');
  if (!repository.hasDependencies || repository.hasNodeModules || installs) return undefined;
  return yield* run(installCommand(repository), repository.root, 'Install the dependencies');
}

export function installCommand(repository: Repository): string {
  const has = (file: string): boolean => repository.files.includes(file);
  if (has('package-lock.json') || has('npm-shrinkwrap.json')) return 'npm ci --no-audit --no-fund';
  if (has('pnpm-lock.yaml')) return 'corepack pnpm install --frozen-lockfile';
  if (has('yarn.lock')) return 'corepack yarn install --frozen-lockfile';
  // In brackets, so that nothing behind it can be read as the name of a package to add.
  return '(npm install --no-audit --no-fund --no-package-lock )';
}
