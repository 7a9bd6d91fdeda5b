/** Adds a regression test and sees it red without the fix and green with it. */
import type { FailureReport } from '../failure-report.ts';
import { isTestFile } from '../paths.ts';
import type { Plan } from '../plan.ts';
import type { FailingTest } from '../reports/failing-test.ts';
import type { NewTest } from '../write-test.ts';
import { writeRegressionAssertion, writeRegressionTest } from '../write-test.ts';
import { run } from './run-command.ts';
import { bash, quote } from './shell.ts';
import type { Workbench } from './workbench.ts';

export type ProvenTest = { file: string; title: string; basedOn: string };

const maxProofs = 3;

export type Proving = {
  bench: Workbench;
  command: string;
  before: FailureReport;
  fixedPaths: string[];
  knownFiles: readonly string[];
};

export function* proveByTest(proving: Proving): Plan<ProvenTest | undefined> {
  const { bench, before, fixedPaths } = proving;
  let tried = 0;
  for (const failing of before.failing) {
    if (tried >= maxProofs) return undefined;
    const file = yield* fileOf(failing, proving);
    if (file === undefined || fixedPaths.includes(file)) continue;
    const text = yield* bench.read(file);
    const test = text === undefined ? undefined : writeRegressionTest(text, failing);
    if (!test) continue;
    tried += 1;
    const proven = yield* prove(proving, file, test);
    if (proven) return proven;
  }
  return before.failing.some((failing) => failing.file !== undefined)
    ? undefined
    : yield* proveByAssertion(proving);
}

/** Plain scripts: the assertion that failed, found by its place in the output. */
function* proveByAssertion(proving: Proving): Plan<ProvenTest | undefined> {
  const { bench, before, fixedPaths } = proving;
  const places = before.positions.filter(
    (place) => isTestFile(place.file) && !fixedPaths.includes(place.file),
  );
  for (const place of places.slice(0, maxProofs)) {
    const text = yield* bench.read(place.file);
    const test =
      text === undefined
        ? undefined
        : writeRegressionAssertion(text, place.line, before.message.replace(/^.*?Error[^:]*: /, ''));
    const proven = test ? yield* prove(proving, place.file, test) : undefined;
    if (proven) return proven;
  }
  return undefined;
}

function* prove({ bench, command }: Proving, file: string, test: NewTest): Plan<ProvenTest | undefined> {
  const said = `The fix holds. Adding a regression test beside "${test.basedOn.slice(0, 100)}".`;
  if (!(yield* bench.edit(file, test.edit.oldText, test.edit.newText, said))) return undefined;
  const red = yield* run(
    command,
    bench.root,
    'Run with the new test but without the fix: must be red',
    withoutFix,
  );
  const green = yield* run(command, bench.root, 'Run with the new test and the fix: must be green');
  if (!red.passed && green.passed) {
    yield* bash(`git add -- ${quote(file)} && git status --short | head -20`, 'Keep the new test');
    return { file, title: test.title, basedOn: test.basedOn };
  }
  yield* bench.edit(file, test.edit.newText, test.edit.oldText, 'This copy proves nothing; taking it back.');
  return undefined;
}

/** The fix is what is staged; it is taken out for the length of the command and put back whatever happens. */
const withoutFix = {
  before: [
    'fix=$(mktemp) && git diff --cached --binary HEAD > "$fix"',
    'git apply -R --index --whitespace=nowarn "$fix" || { echo "the fix could not be taken out"; echo "[exit code 0]"; exit 0; }',
  ],
  after: ['git apply --index --whitespace=nowarn "$fix"; rm -f "$fix"'],
};

function* fileOf(failing: FailingTest, { bench, knownFiles }: Proving): Plan<string | undefined> {
  const stated = failing.file;
  if (stated !== undefined && knownFiles.includes(stated) && isLikelyTest(stated)) return stated;
  const byName = knownFiles.find((file) => stated?.endsWith(`/${file}`));
  if (byName !== undefined && isLikelyTest(byName)) return byName;
  const titles = [failing.path.at(-1) ?? '', (failing.path.at(-1) ?? '').split(/: | — /)[0] ?? ''];
  for (const title of new Set(titles.filter((text) => text.length > 2))) {
    const found = yield* bash(
      `cd ${quote(bench.root)}; git grep -lF -e ${quote(title)} -- '*.js' '*.ts' '*.mjs' '*.cjs' '*.mts' '*.cts' '*.jsx' '*.tsx' | head -5`,
      'Find the file of the failing test',
    );
    const files = found.text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => knownFiles.includes(line));
    // Only a runner's own word makes a test of a file that is not named like one.
    const test = files.find(isTestFile);
    if (test !== undefined) return test;
  }
  return undefined;
}

function isLikelyTest(path: string): boolean {
  return isTestFile(path) || /\.[cm]?[jt]sx?$/.test(path);
}
