import type { FailedStep } from '../../../core/contracts/run.ts';
import { findFailures } from '../../../core/evidence/failing-tests.ts';
import { testFileRule } from '../../../core/evidence/test-files.ts';
import type { CommandResult, CommandSpec } from '../backend/sandbox.ts';
import type { Change } from './changes.ts';
import { parseManifest } from './checks/dependencies.ts';
import { reachedScripts } from './checks/weakening.ts';
import type { PatchLine } from './patch.ts';
import { type Refusal, refusal, some } from './refusal.ts';
import { isAmong, testTitles } from './test-titles.ts';

/** What a tree says about itself: which files decide how it is installed. */
export interface TreeFacts {
  hasLock: boolean;
  packageJson: string | null;
}

const QUIET = '--no-audit --no-fund';

/** Chosen from the tree by us, never by the agent: what has a lock file is installed by it. */
export function installCommand({ hasLock, packageJson }: TreeFacts): string | null {
  if (packageJson === null) return null;
  if (hasLock) return `npm ci ${QUIET}`;
  const manifest = parseManifest(packageJson);
  const wanted = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies];
  return wanted.some((names) => Object.keys(names ?? {}).length > 0) ? `npm install ${QUIET}` : null;
}

const USUAL_SCRIPTS = {
  test: ['test'],
  lint: ['lint', 'check'],
  types: ['types', 'typecheck', 'type-check', 'tsc'],
  build: ['build'],
  dependencies: [],
  other: [],
} as const satisfies Record<FailedStep['kind'], readonly string[]>;

/** The failed step's own command, else the script that is usually behind such a step. */
export function stepCommand(step: FailedStep, packageJson: string | null): string | null {
  if (step.command !== null && step.command.trim() !== '') return step.command;
  if (step.kind === 'dependencies') return `npm ci ${QUIET}`;
  const scripts = parseManifest(packageJson).scripts ?? {};
  const name = USUAL_SCRIPTS[step.kind].find((candidate) => scripts[candidate] !== undefined);
  if (name === undefined) return null;
  return name === 'test' ? 'npm test' : `npm run ${name}`;
}

export type RunPlan = Pick<CommandSpec, 'commit' | 'overlay' | 'commands'>;
export type ProofPlan =
  | {
      ok: true;
      kind: 'test' | 'command';
      command: string;
      red: RunPlan;
      green: RunPlan;
      newTests: string[] /** Test files of the base that hold some of them. */;
      changedTestFiles?: string[];
    }
  | { ok: false; refusal: Refusal };

const MAX_NEW_TESTS = 50;
/** A blank line or a comment tests nothing. */
const IDLE_LINE = /^\s*(?:$|\/\/|\/\*|\*|#)/;

/**
 * What must fail and what must pass. For a test step: the base with only the fix's test files must fail. For
 * any other: the base as it is. A step that installs is not preceded by an install of ours.
 */
export function planProof(options: {
  step: FailedStep;
  base: string;
  head: string;
  net: Pick<Change, 'path' | 'status'>[];
  netLines: PatchLine[];
  earlier?: ReadonlyMap<string, readonly string[]>;
  trees: { base: TreeFacts; head: TreeFacts };
}): ProofPlan {
  const { step, base, head, trees } = options;
  const command = stepCommand(step, trees.base.packageJson);
  if (command === null)
    return {
      ok: false,
      refusal: refusal('no_command', `The command of the failed step "${step.name}" is not known.`),
    };
  const commands = (tree: TreeFacts) => {
    const install = step.kind === 'dependencies' ? null : installCommand(tree);
    return install === null ? [command] : [install, command];
  };
  const green = { commit: head, overlay: [], commands: commands(trees.head) };
  const isTestFile = testFileRule(commandTexts(command, trees.base.packageJson));
  if (step.kind !== 'test' || restoresOnly(options, isTestFile))
    return {
      ok: true,
      kind: 'command',
      command,
      red: { commit: base, overlay: [], commands: commands(trees.base) },
      green,
      newTests: [],
    };
  const tests = options.net.filter(({ path, status }) => isTestFile(path) && status !== 'deleted');
  const added = options.netLines.filter(({ kind, path }) => kind === 'added' && isTestFile(path));
  if (tests.length === 0 || !added.some(({ text }) => !IDLE_LINE.test(text)))
    return {
      ok: false,
      refusal: refusal(
        'no_test',
        'The failed step runs tests, and the fix changes none. Add a test that fails before your change and ' +
          'passes after it (*.test.*, *.spec.*, or under test/, tests/, __tests__/, spec/), commit, submit again.',
      ),
    };
  return {
    ok: true,
    kind: 'test',
    command,
    red: {
      commit: base,
      overlay: tests.map(({ path }) => ({ path, fromCommit: head })),
      commands: commands(trees.base),
    },
    green,
    changedTestFiles: tests.filter(({ status }) => status === 'modified').map(({ path }) => path),
    newTests: testTitles(added.map(({ text }) => text).join('\n'))
      .map((title) => title.slice(0, 500))
      .slice(0, MAX_NEW_TESTS),
  };
}

/** The command, and the scripts that it runs. */
function commandTexts(command: string, packageJson: string | null): string[] {
  const scripts = parseManifest(packageJson).scripts ?? {};
  return [command, ...[...reachedScripts(command, scripts)].map((name) => scripts[name] ?? '')];
}

/** What decides how the product is run, and is no product: no test can be told to fail by it alone. */
const SETTINGS =
  /(?:^|\/)(?:package\.json|(?:package-lock|npm-shrinkwrap)\.json|[tj]sconfig[^/]*\.json|\.[\w-]+rc(?:\.\w+)?|[\w.-]+\.config\.[cm]?[jt]s)$/;

/**
 * Whether a fix only puts back lines of tests or settings that recent commits changed: the expectation itself, or the
 * way the tests are started, was the fault. No new test can show that; the command red before and green after does.
 * Nothing may be taken away in exchange, and not a line may be new.
 */
function restoresOnly(
  { net, netLines, earlier }: Pick<Parameters<typeof planProof>[0], 'net' | 'netLines' | 'earlier'>,
  isTestFile: (path: string) => boolean,
): boolean {
  return net.every(({ path, status }) => {
    if (!(isTestFile(path) || SETTINGS.test(path)) || status !== 'modified') return false;
    const lines = netLines.filter((line) => line.path === path);
    const added = lines.filter(({ kind, text }) => kind === 'added' && !IDLE_LINE.test(text));
    const removed = lines.filter(({ kind, text }) => kind === 'removed' && !IDLE_LINE.test(text));
    return (
      added.length > 0 &&
      added.length >= removed.length &&
      (earlier?.get(path) ?? []).some((past) => {
        const known = new Set(past.split('\n').map((line) => line.replace(/\r$/, '')));
        return added.every(({ text }) => known.has(text.replace(/\r$/, '')));
      })
    );
  });
}

const MAX_TAIL_CHARS = 4_000;

/** The end of an output. What a terminal would colour is plain here. */
export function tailOf(output: string, maxChars = MAX_TAIL_CHARS): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken out
  return output.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').slice(-maxChars);
}

/** Room for the end of an output beside the sentence that introduces it. */
const REASON_TAIL_CHARS = 1_500;

/** A report names a whole file where it hung or could not be loaded: no test in it got to say its name. */
const isWhole = (reported: string, path: string): boolean =>
  /\.[cm]?[jt]sx?$/.test(reported) && (path.endsWith(reported) || reported.endsWith(`/${path}`));

/** Whether red was red for the right cause, and green green. */
export function judgeProof(
  plan: Extract<ProofPlan, { ok: true }>,
  red: CommandResult,
  green: CommandResult,
): Refusal[] {
  for (const [name, run] of [['the base', red] as const, ['the fix', green] as const])
    if (run.failedSetup)
      return [
        refusal(
          'setup_failed',
          `${name} could not be installed: ${tailOf(run.setupOutput || run.output, REASON_TAIL_CHARS)}`,
        ),
      ];
  const found: Refusal[] = [];
  if (red.exitCode === 0)
    found.push(
      plan.kind === 'test'
        ? refusal(
            'not_red',
            `\`${plan.command}\` passes at the base with only your test files laid over it. The new test must ` +
              'fail without the fix.',
          )
        : refusal('not_red', `\`${plan.command}\` passes at the base: there is nothing that the fix mends.`),
    );
  const failing = findFailures(red.output).failingTests.map(({ name }) => name);
  if (
    red.exitCode !== 0 &&
    plan.newTests.length > 0 &&
    failing.length > 0 &&
    !plan.newTests.some((title) => isAmong(title, failing)) &&
    !(plan.changedTestFiles ?? []).some((path) => failing.some((name) => isWhole(name, path)))
  )
    found.push(
      refusal(
        'new_test_not_red',
        `At the base ${some(failing, 5)} fails, but none of your new tests does: ${some(plan.newTests, 5)}. ` +
          'A new test must show the fault: failing without the fix, passing with it.',
      ),
    );
  if (green.exitCode !== 0)
    found.push(
      refusal(
        'not_green',
        `\`${plan.command}\` ${green.timedOut ? 'runs out of time' : `ends with ${green.exitCode}`} with the fix: ` +
          tailOf(green.output, REASON_TAIL_CHARS),
      ),
    );
  return found;
}
